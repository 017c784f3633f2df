-- early_report_keep: keep a report on an attempt that is not known yet, once.
-- $1 attempt_id bigint  $2 event_id text  $3 report text  $4 now timestamptz
INSERT INTO early_report (attempt_id, event_id, report, received_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (attempt_id, event_id) DO NOTHING;
