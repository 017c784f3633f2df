-- No-call days with regions, closings by order, and agents that can be taken away.

ALTER TABLE no_call_day
    DROP CONSTRAINT no_call_day_pkey,
    ADD COLUMN no_call_day_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN regions text[] NOT NULL DEFAULT '{}',         -- none: everywhere
    ADD COLUMN yearly boolean NOT NULL DEFAULT false,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD UNIQUE (account_id, no_call_day_id),
    ADD UNIQUE (account_id, date, regions);
ALTER TABLE no_call_day
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN updated_at DROP DEFAULT;

CREATE TABLE closure (                         -- an order that nobody is called there then; it counts like law
    closure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    regions    text[] NOT NULL,                -- none: everywhere
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (account_id, closure_id),
    CHECK (starts_at < ends_at)
);

-- Attempts, batches and lanes go on naming an agent that was taken away; nobody else sees it.
ALTER TABLE agent ADD COLUMN deleted_at timestamptz;
ALTER TABLE agent DROP CONSTRAINT agent_account_id_name_key;
CREATE UNIQUE INDEX agent_name ON agent (account_id, name) WHERE deleted_at IS NULL;
