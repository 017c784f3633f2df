-- Callbacks, skipped attempts, and instants that people set for the next attempt of a loop.

-- What was said of a loop's next attempt since the last one began. `asked_in_call`: while that was under way, so that
-- its end does not forget it.
ALTER TABLE loop
    ADD COLUMN asked text CHECK (asked IN ('callback', 'time', 'nothing')),
    ADD COLUMN asked_at timestamptz,
    ADD COLUMN asked_in_call boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT loop_asked_when CHECK ((asked IN ('callback', 'time')) IS TRUE = (asked_at IS NOT NULL));

-- An attempt that somebody skipped keeps its number. Rows of before meet the narrower rule of before.
ALTER TABLE attempt
    DROP CONSTRAINT attempt_state_check,
    ADD CONSTRAINT attempt_state_check CHECK (state IN
        ('armed', 'accepted', 'unknown', 'ringing', 'in_call', 'not_sent', 'done', 'canceled', 'skipped')) NOT VALID;

CREATE TABLE callback (
    callback_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account,
    lead_id     bigint NOT NULL,
    loop_id     bigint NOT NULL,
    attempt_id  bigint,                        -- the call in which it was asked for; null: told by itself
    status      text NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'due', 'done', 'canceled')),
    at          timestamptz NOT NULL,          -- when the person is to be called, before hours and caps
    until_at    timestamptz,                   -- words mean a window; null: an instant was named
    from_at     timestamptz,
    confidence  double precision,
    said        text,                          -- in whose words; forgotten with the person, like the note
    note        text NOT NULL DEFAULT '',
    source      text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (account_id, callback_id)
);

-- a person waits for one call at a time
CREATE UNIQUE INDEX callback_open ON callback (lead_id) WHERE status IN ('scheduled', 'due');
CREATE INDEX callback_waiting ON callback (at) WHERE status = 'scheduled';

GRANT SELECT, INSERT, UPDATE, DELETE ON callback TO dialwheel_service, dialwheel_tenant;
ALTER TABLE callback ENABLE ROW LEVEL SECURITY;
ALTER TABLE callback FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON callback TO dialwheel_service USING (true);
CREATE POLICY tenant ON callback TO dialwheel_tenant
    USING (account_id = (SELECT nullif(current_setting('dialwheel.account_id', true), '')::bigint));
