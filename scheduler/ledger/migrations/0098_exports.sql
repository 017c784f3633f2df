-- Files of an account's data, written by a job and kept for a while.

CREATE SEQUENCE export_number;
GRANT USAGE ON SEQUENCE export_number TO dialwheel_service, dialwheel_tenant;

CREATE TABLE export (
    export_id  bigint PRIMARY KEY,             -- of a sequence: its job, which is made first, names it
    account_id bigint NOT NULL REFERENCES account,
    job_id     bigint NOT NULL,
    kind       text NOT NULL,
    format     text NOT NULL CHECK (format IN ('csv', 'ndjson')),
    filter     json NOT NULL,
    name       text NOT NULL,                  -- of the file
    rows       bigint NOT NULL DEFAULT 0,
    bytes      bigint NOT NULL DEFAULT 0,
    parts      integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (account_id, export_id),
    FOREIGN KEY (account_id, job_id) REFERENCES job (account_id, job_id)
);

CREATE INDEX export_old ON export (expires_at);

CREATE TABLE export_part (
    account_id bigint NOT NULL,
    export_id  bigint NOT NULL,
    part       integer NOT NULL,               -- from 1 without a hole
    body       bytea NOT NULL,                 -- of the file, compressed by zlib
    PRIMARY KEY (account_id, export_id, part),
    FOREIGN KEY (account_id, export_id) REFERENCES export (account_id, export_id) ON DELETE CASCADE
);
ALTER TABLE export_part ALTER COLUMN body SET STORAGE EXTERNAL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['export', 'export_part'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO dialwheel_service, dialwheel_tenant', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY service ON %I TO dialwheel_service USING (true)', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO dialwheel_tenant USING '
            '(account_id = (SELECT nullif(current_setting(''dialwheel.account_id'', true), '''')::bigint))', name);
    END LOOP;
END
$$;
