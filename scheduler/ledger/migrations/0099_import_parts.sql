-- Files that come in parts: kept here until all of them are in, since any API takes any part and any scheduler works
-- on them. How an import ended is kept as well.
ALTER TABLE import
    ADD COLUMN terms      json,                -- of parts: how their file is to be read; null: it came as one body
    ADD COLUMN size       bigint,              -- bytes of the whole file, where it is known
    ADD COLUMN job_id     bigint,              -- who works on the parts
    ADD COLUMN touched_at timestamptz,         -- of parts: when the last one came; then, when all were in
    ADD COLUMN trouble    text,                -- what broke it off
    ADD COLUMN resume_row bigint;              -- the line to send it again from
CREATE UNIQUE INDEX import_of_account ON import (account_id, import_id);
CREATE INDEX import_open ON import (import_id) WHERE status IN ('receiving', 'processing');
ALTER TABLE import ADD FOREIGN KEY (account_id, job_id) REFERENCES job (account_id, job_id);

CREATE TABLE import_part (
    account_id bigint NOT NULL,
    import_id  bigint NOT NULL,
    part       integer NOT NULL CHECK (part >= 1),
    size       bigint NOT NULL,
    sha256     bytea NOT NULL,
    data       bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, import_id, part),
    FOREIGN KEY (account_id, import_id) REFERENCES import (account_id, import_id)
);
ALTER TABLE import_part ALTER COLUMN data SET STORAGE EXTERNAL;  -- what is large comes packed, or goes soon

ALTER TABLE import_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_part FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON import_part TO dialwheel_tenant, dialwheel_service;
CREATE POLICY service ON import_part TO dialwheel_service USING (true);
CREATE POLICY tenant ON import_part TO dialwheel_tenant
    USING (account_id = (SELECT nullif(current_setting('dialwheel.account_id', true), '')::bigint));
