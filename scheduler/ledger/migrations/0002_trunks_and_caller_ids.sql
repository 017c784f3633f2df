-- What calls go out by: trunks with their limits, numbers with their daily budget, pools of numbers.
-- Keys are of account and row together, so that no row can refer to another account's.

CREATE TABLE trunk (
    trunk_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES account,
    name            text NOT NULL,
    max_concurrent  integer CHECK (max_concurrent > 0),
    max_dials_per_s double precision CHECK (max_dials_per_s > 0),
    paused          boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (account_id, name),
    UNIQUE (account_id, trunk_id)
);

CREATE TABLE caller_id (
    caller_id_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES account,
    phone        text NOT NULL CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    region       text,
    daily_cap    integer NOT NULL CHECK (daily_cap > 0),
    rest_until   timestamptz,                  -- not shown to anybody before
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused')),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (account_id, phone),
    UNIQUE (account_id, caller_id_id)
);

CREATE TABLE caller_id_pool (
    caller_id_pool_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id        bigint NOT NULL REFERENCES account,
    name              text NOT NULL,
    strategy          text NOT NULL CHECK (strategy IN ('random', 'rotate', 'sticky', 'local', 'fixed')),
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    UNIQUE (account_id, name),
    UNIQUE (account_id, caller_id_pool_id)
);

CREATE TABLE caller_id_member (
    caller_id_id      bigint PRIMARY KEY,      -- of one pool at most: a pool's budget is its own
    account_id        bigint NOT NULL,
    caller_id_pool_id bigint NOT NULL,
    position          integer NOT NULL,
    UNIQUE (caller_id_pool_id, position),
    FOREIGN KEY (account_id, caller_id_id) REFERENCES caller_id (account_id, caller_id_id),
    FOREIGN KEY (account_id, caller_id_pool_id)
        REFERENCES caller_id_pool (account_id, caller_id_pool_id) ON DELETE CASCADE
);

CREATE TABLE caller_id_use (                   -- calls under each number on each local day of the account
    caller_id_id bigint NOT NULL REFERENCES caller_id ON DELETE CASCADE,
    day          date NOT NULL,
    used         integer NOT NULL CHECK (used >= 0),
    PRIMARY KEY (caller_id_id, day)
);

ALTER TABLE agent
    ADD COLUMN trunk_id bigint,
    ADD COLUMN caller_id_pool_id bigint,
    ADD CONSTRAINT agent_trunk FOREIGN KEY (account_id, trunk_id) REFERENCES trunk (account_id, trunk_id),
    ADD CONSTRAINT agent_caller_id_pool FOREIGN KEY (account_id, caller_id_pool_id)
        REFERENCES caller_id_pool (account_id, caller_id_pool_id);

ALTER TABLE attempt ADD COLUMN caller_id_day date;  -- on which its caller id was counted
