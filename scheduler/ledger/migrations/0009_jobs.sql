-- Work that takes longer than a request: done by whichever process takes its lease, a piece at a time, and gone on with
-- from its cursor when that process is gone.
CREATE TABLE job (
    job_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES account,
    kind         text NOT NULL,
    status       text NOT NULL DEFAULT 'queued'
                 CHECK (status IN ('queued', 'running', 'done', 'failed', 'canceled')),
    done         bigint NOT NULL DEFAULT 0,
    total        bigint,                       -- null: not known yet
    args         json NOT NULL DEFAULT '{}',
    cursor       json,                         -- where its handler goes on, as the handler wrote it
    error        text,
    takes        integer NOT NULL DEFAULT 0,   -- raised by each who takes it: only the last one may go on
    tries        smallint NOT NULL DEFAULT 0,  -- takes since it last got on
    leased_until timestamptz,                  -- nobody else takes it before
    started_at   timestamptz,
    finished_at  timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (account_id, job_id),
    CHECK ((status IN ('done', 'failed', 'canceled')) = (finished_at IS NOT NULL))
);

CREATE INDEX job_open ON job (job_id) WHERE status IN ('queued', 'running');

-- of an account one of a kind at a time: a tenant with many jobs holds up no other, and none works against itself
CREATE UNIQUE INDEX job_running ON job (account_id, kind) WHERE status = 'running';
