-- What shows that a ledger was put back to an earlier state, and what is known of the time that it has forgotten.

-- The physical store that this is: a restore into another server or database, a promoted standby and a recovery to a
-- point in time have another one. Not noticed here is a data directory that was put back: that the beat tells.
CREATE FUNCTION ledger_identity() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (SELECT system_identifier FROM pg_control_system()) || ':'
        || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || ':'
        || (SELECT oid FROM pg_database WHERE datname = current_database())
$$;

ALTER TABLE installation
    ADD COLUMN identity text,                    -- the store that permits may be given by
    ADD COLUMN beat     bigint NOT NULL DEFAULT 0,  -- raised once a second while anything runs
    ADD COLUMN beat_at  timestamptz;
UPDATE installation SET identity = ledger_identity();

-- While one is open no permit is given: the ledger has forgotten calls that rang and people who asked not to be called.
CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at      timestamptz NOT NULL,
    why           text NOT NULL,
    ledger_at     timestamptz NOT NULL,          -- up to when the ledger remembers
    seen_at       timestamptz NOT NULL,          -- up to when somebody saw it before: what is between is forgotten
    seen_beat     bigint NOT NULL,
    ended_at      timestamptz,
    ended_by      text,
    accepted_loss boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX quarantine_open ON quarantine ((ended_at IS NULL)) WHERE ended_at IS NULL;

-- Journals of dialers and APIs, known since their first start: each must tell what it has before a quarantine ends.
CREATE TABLE journal (
    name          text PRIMARY KEY,
    last_at       timestamptz NOT NULL,
    told          bigint REFERENCES quarantine,  -- the latest quarantine that it has told all it has in
    told_at       timestamptz,
    remembers_from timestamptz                   -- nothing of before is in it any more
);

-- What they tell of calls and opt-outs that the ledger does not have. `who` is the keyed hash of the phone.
CREATE TABLE testimony (
    testimony_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarantine_id bigint NOT NULL REFERENCES quarantine,
    journal       text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('call', 'opt_out')),
    account_id    bigint NOT NULL,
    who           text NOT NULL,
    at            timestamptz NOT NULL,
    attempt_id    bigint NOT NULL DEFAULT 0,     -- 0: of an opt-out
    loop_id       bigint NOT NULL DEFAULT 0,
    n             smallint NOT NULL DEFAULT 0,
    permit        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    used          boolean NOT NULL DEFAULT false,  -- the ledger has it again
    UNIQUE (quarantine_id, kind, account_id, who, attempt_id, permit)
);
CREATE INDEX testimony_of_loop ON testimony (loop_id, n) WHERE NOT used AND kind = 'call';
-- Also of people who are not leads any more: whoever brings them in again meets it.
CREATE INDEX testimony_owed ON testimony (account_id, who) WHERE NOT used;
