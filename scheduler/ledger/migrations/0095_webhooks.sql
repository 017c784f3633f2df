-- Webhooks: events sent to an account's own addresses. News is read from where each has got to, so that telling it costs
-- nothing more when there are many of them.

CREATE TABLE webhook (
    webhook_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id       bigint NOT NULL REFERENCES account,
    url              text NOT NULL,
    types            text[] NOT NULL,                -- empty: all
    mode             text NOT NULL CHECK (mode IN ('single', 'batch')),
    secret           bytea NOT NULL,                 -- sealed
    old_secret       bytea,                          -- signs too, until then
    old_secret_until timestamptz,                    -- wall time
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'disabled')),
    disabled_at      timestamptz,
    disabled_reason  text,
    seq              bigint NOT NULL,                -- events up to it have deliveries
    replay_seq       bigint,                         -- the same of those that are sent once more, up to
    replay_upto_seq  bigint,
    failures         integer NOT NULL DEFAULT 0,     -- rounds in a row in which nothing arrived
    failing_since    timestamptz,
    next_at          timestamptz NOT NULL,           -- nothing is sent earlier
    leased_until     timestamptz NOT NULL,           -- wall time
    takes            bigint NOT NULL DEFAULT 0,      -- says which lease it is
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    UNIQUE (account_id, webhook_id),
    CHECK ((replay_seq IS NULL) = (replay_upto_seq IS NULL)),
    CHECK ((status = 'disabled') = (disabled_at IS NOT NULL AND disabled_reason IS NOT NULL))
);
CREATE INDEX webhook_active ON webhook (next_at) WHERE status = 'active';

-- What is sent in one request. What it says is read when it is sent.
CREATE TABLE delivery (
    delivery_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL,
    webhook_id   bigint NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('single', 'batch', 'ping')),
    after_seq    bigint NOT NULL,                    -- events after it, of those types, so many
    types        text[] NOT NULL,
    events       integer NOT NULL,
    lead_id      bigint,                             -- whose it is, 0: nobody's or of many; null waits for none
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    tries        integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL,
    tried_at     timestamptz,
    status       integer,                            -- of the last answer
    error        text,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (account_id, delivery_id),
    FOREIGN KEY (account_id, webhook_id) REFERENCES webhook (account_id, webhook_id) ON DELETE CASCADE
);
CREATE INDEX delivery_of_webhook ON delivery (account_id, webhook_id, delivery_id);
CREATE INDEX delivery_pending ON delivery (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX delivery_over ON delivery (updated_at) WHERE state <> 'pending';

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, delivery TO dialwheel_tenant, dialwheel_service;
ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON webhook TO dialwheel_service USING (true);
CREATE POLICY tenant ON webhook TO dialwheel_tenant
    USING (account_id = (SELECT nullif(current_setting('dialwheel.account_id', true), '')::bigint));
ALTER TABLE delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON delivery TO dialwheel_service USING (true);
CREATE POLICY tenant ON delivery TO dialwheel_tenant
    USING (account_id = (SELECT nullif(current_setting('dialwheel.account_id', true), '')::bigint));
