-- The ledger: the truth that the wheel is an index of.
-- States are text with a CHECK, instants timestamptz, public ids are made from the bigint identities.

CREATE TABLE installation (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    installation_id uuid NOT NULL,             -- namespace of the keys that providers get
    id_key          bytea NOT NULL,            -- makes public ids opaque
    phone_key       bytea NOT NULL,            -- keyed hash of phones: jitter, cross references
    simulated_at    timestamptz,               -- where a simulated clock stood when it was last stopped
    created_at      timestamptz NOT NULL
);

CREATE TABLE account (
    account_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text NOT NULL UNIQUE,
    timezone         text NOT NULL,
    windows          json NOT NULL,
    live_after_hours boolean NOT NULL DEFAULT false,
    strict           boolean NOT NULL DEFAULT true,
    max_concurrent   integer CHECK (max_concurrent > 0),
    max_dials_per_s  double precision CHECK (max_dials_per_s > 0),
    frequency_caps   json NOT NULL,
    jitter_max_s     integer NOT NULL DEFAULT 900 CHECK (jitter_max_s BETWEEN 0 AND 86400),
    simulated        boolean NOT NULL DEFAULT true,  -- may only reach the simulated provider
    paused           boolean NOT NULL DEFAULT false,
    pause_reason     text,
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);

CREATE TABLE agent (
    agent_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     bigint NOT NULL REFERENCES account,
    name           text NOT NULL,
    voice          text NOT NULL DEFAULT 'ai' CHECK (voice IN ('ai', 'human')),
    timezone       text,                       -- null: the account's
    windows        json,                       -- null: the account's
    auto_dialer    json NOT NULL,
    paused         boolean NOT NULL DEFAULT false,
    pause_reason   text,
    policy_version bigint NOT NULL DEFAULT 1,  -- raised by any change, here or in the account, that moves calls
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    UNIQUE (account_id, name)
);

CREATE TABLE no_call_day (
    account_id bigint NOT NULL REFERENCES account,
    date       date NOT NULL,
    label      text NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, date)
);

CREATE TABLE api_key (
    key_id      text PRIMARY KEY,              -- the public middle of dw_<env>_<key id>_<secret>
    account_id  bigint NOT NULL REFERENCES account,
    name        text NOT NULL DEFAULT '',
    environment text NOT NULL CHECK (environment IN ('live', 'test')),
    secret_hash bytea NOT NULL,
    scopes      text[] NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    revoked_at  timestamptz
);

CREATE TABLE place (
    place_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zones     text[] NOT NULL,
    regions   text[] NOT NULL,
    own_zones text[] NOT NULL,
    source    text NOT NULL CHECK (source IN ('stated', 'number', 'unknown')),
    UNIQUE (zones, regions, own_zones, source)
);

CREATE TABLE batch (
    batch_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    agent_id   bigint NOT NULL REFERENCES agent,
    name       text NOT NULL,
    priority   text NOT NULL CHECK (priority IN ('live', 'bulk')),
    throttle   json NOT NULL DEFAULT '{}',
    status     text NOT NULL DEFAULT 'ingesting'
               CHECK (status IN ('ingesting', 'running', 'paused', 'done', 'canceled')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (account_id, name)
);

CREATE TABLE import (
    import_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account,
    batch_id    bigint NOT NULL REFERENCES batch,
    status      text NOT NULL CHECK (status IN ('receiving', 'processing', 'done', 'failed', 'canceled')),
    columns     text[] NOT NULL DEFAULT '{}',  -- the header as it came, for the file of rejected rows
    bytes       bigint NOT NULL DEFAULT 0,
    rows        bigint NOT NULL DEFAULT 0,
    created     bigint NOT NULL DEFAULT 0,
    updated     bigint NOT NULL DEFAULT 0,
    unchanged   bigint NOT NULL DEFAULT 0,
    duplicate   bigint NOT NULL DEFAULT 0,
    suppressed  bigint NOT NULL DEFAULT 0,
    rejected    bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz
);

CREATE TABLE import_reject (
    import_id bigint NOT NULL REFERENCES import,
    row       bigint NOT NULL,                 -- the row's first line in the file, the header is line 1
    "column"  text,
    code      text NOT NULL,
    detail    text NOT NULL,
    cells     json NOT NULL,                   -- the row as it came, unreadable bytes replaced, cut at 1 kB a cell
    PRIMARY KEY (import_id, row)
);

CREATE TABLE lane (
    lane_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard      integer NOT NULL DEFAULT 0,
    account_id bigint NOT NULL REFERENCES account,
    agent_id   bigint NOT NULL REFERENCES agent,
    class      text NOT NULL CHECK (class IN ('live', 'callback', 'follow-up', 'bulk')),
    batch_id   bigint NOT NULL,                -- 0: no batch
    place_id   integer NOT NULL REFERENCES place,
    UNIQUE (agent_id, class, batch_id, place_id)
);

-- lead, loop and attempt carry no foreign keys: each check is a look-up of its own for every insert, and
-- their rows are only ever made by statements that read the row they refer to.

CREATE TABLE lead (
    lead_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     bigint NOT NULL,
    external_id    text,
    phone          text NOT NULL CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    name           text NOT NULL DEFAULT '',
    email          text NOT NULL DEFAULT '',
    timezone       text,                       -- as stated
    region         text,                       -- as stated
    place_id       integer NOT NULL,
    priority       text NOT NULL CHECK (priority IN ('live', 'bulk')),
    agent_id       bigint,
    batch_id       bigint,
    appointment_at timestamptz,
    consent        json,
    tags           text[] NOT NULL DEFAULT '{}',
    variables      json NOT NULL DEFAULT '{}',
    status         text NOT NULL DEFAULT 'new' CHECK (status IN
                   ('new', 'active', 'reached', 'converted', 'exhausted', 'unreachable', 'opted_out', 'closed')),
    attempts_count integer NOT NULL DEFAULT 0,
    contacted_at   timestamptz,
    contacts       timestamptz[] NOT NULL DEFAULT '{}',  -- recent instants at which the phone may have rung
    version        integer NOT NULL DEFAULT 1,           -- raised by all that the planner looks at
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    UNIQUE (account_id, phone)
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX lead_external_id ON lead (account_id, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE loop (
    loop_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id            bigint NOT NULL,
    account_id         bigint NOT NULL,
    agent_id           bigint NOT NULL,
    batch_id           bigint NOT NULL DEFAULT 0,
    status             text NOT NULL CHECK (status IN
                       ('scheduled', 'dialing', 'awaiting_result', 'waiting_callback', 'paused', 'ended')),
    lane_id            bigint NOT NULL,
    run                smallint NOT NULL DEFAULT 1,
    step               smallint NOT NULL DEFAULT 0,
    attempts           smallint NOT NULL DEFAULT 0,
    consecutive_errors smallint NOT NULL DEFAULT 0,
    postponed          smallint NOT NULL DEFAULT 0,
    history            timestamptz[] NOT NULL DEFAULT '{}',
    next_at            timestamptz,
    open_until         timestamptz,
    next_kind          text,
    next_step          smallint,
    next_channel       text,
    why                json NOT NULL DEFAULT '[]',
    policy_version     bigint NOT NULL,
    lead_version       integer NOT NULL,
    started_at         timestamptz NOT NULL,
    ended_at           timestamptz,
    end_reason         text,
    -- what is scheduled has exactly one next instant, what is not has none
    CHECK ((status IN ('scheduled', 'waiting_callback')) = (next_at IS NOT NULL)),
    CHECK ((status = 'ended') = (end_reason IS NOT NULL))
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX loop_active ON loop (lead_id) WHERE status <> 'ended';
CREATE INDEX loop_over ON loop (lead_id) WHERE status = 'ended';
CREATE INDEX loop_due ON loop (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE attempt (
    attempt_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loop_id          bigint NOT NULL,
    lead_id          bigint NOT NULL,
    account_id       bigint NOT NULL,
    agent_id         bigint NOT NULL,
    batch_id         bigint NOT NULL,
    lane_id          bigint NOT NULL,
    n                smallint NOT NULL,
    step             smallint NOT NULL,
    kind             text NOT NULL,
    channel          text NOT NULL,
    state            text NOT NULL CHECK (state IN
                     ('armed', 'accepted', 'unknown', 'ringing', 'in_call', 'not_sent', 'done', 'canceled')),
    due_at           timestamptz NOT NULL,
    armed_at         timestamptz NOT NULL,
    not_after        timestamptz NOT NULL,
    permit           uuid NOT NULL,
    dispatched_at    timestamptz,
    answered_at      timestamptz,
    ended_at         timestamptz,
    talk_s           integer,
    outcome          text,
    disposition      text,
    callback_at      timestamptz,
    caller_id        text,
    provider         text,
    provider_call_id text,
    error            text,
    why              json NOT NULL,
    rules_revision   text NOT NULL,
    policy_version   bigint NOT NULL,
    UNIQUE (loop_id, n),
    CHECK ((state = 'done') = (outcome IS NOT NULL))
) WITH (fillfactor = 85);

-- one live call per lead, and a lead is one phone of one account
CREATE UNIQUE INDEX attempt_live ON attempt (lead_id)
    WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');

CREATE TABLE arm (                             -- append-only: every permit ever given
    attempt_id bigint NOT NULL,
    permit     uuid NOT NULL,
    armed_at   timestamptz NOT NULL,
    not_after  timestamptz NOT NULL,
    worker     text NOT NULL
);

CREATE TABLE provider_event (
    provider    text NOT NULL,
    event_id    text NOT NULL,
    attempt_id  bigint NOT NULL,
    kind        text NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (attempt_id, provider, event_id)  -- an event is of one attempt; new ones lie side by side
);

CREATE TABLE suppression (
    account_id bigint NOT NULL REFERENCES account,
    phone      text NOT NULL,
    reason     text NOT NULL,
    source     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, phone)
);

CREATE TABLE audit (
    audit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    actor      text NOT NULL,
    action     text NOT NULL,
    object     text NOT NULL,
    before     json,
    after      json,
    request_id text,
    at         timestamptz NOT NULL
);

CREATE TABLE idempotency (
    account_id   bigint NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    status       integer,                      -- null while the first request is under way
    body         bytea,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
