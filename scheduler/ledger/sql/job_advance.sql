-- job_advance: how far a job has come, and its lease renewed; by the one who took it last.
-- $1 job_id bigint  $2 takes integer  $3 done bigint  $4 total bigint (null: as before)  $5 cursor json (null: as
-- before)  $6 leased_until timestamptz  $7 now timestamptz
-- Rows: job_id; none when it was canceled or taken over
UPDATE job
SET done = $3, total = coalesce($4, total), cursor = coalesce($5::text::json, cursor), leased_until = $6, tries = 0,
    updated_at = $7
WHERE job_id = $1
  AND takes = $2
  AND status = 'running'
RETURNING job_id;
