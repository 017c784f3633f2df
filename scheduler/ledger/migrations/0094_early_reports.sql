-- Reports of providers on attempts that the ledger does not know: it was put back to an earlier state, and is told by
-- the journals in a while. Kept for a day.
CREATE TABLE early_report (
    attempt_id  bigint NOT NULL,
    event_id    text NOT NULL,
    report      text NOT NULL,                 -- JSON, as it was posted
    received_at timestamptz NOT NULL,
    PRIMARY KEY (attempt_id, event_id)
);
ALTER TABLE early_report ENABLE ROW LEVEL SECURITY;
ALTER TABLE early_report FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON early_report TO dialwheel_service USING (true);
CREATE POLICY tenant ON early_report TO dialwheel_tenant
    USING (EXISTS (SELECT FROM attempt AS a WHERE a.attempt_id = early_report.attempt_id));
GRANT SELECT, INSERT, DELETE ON early_report TO dialwheel_service;
