-- job_cancel: end a job that is not over; whoever works on it learns of it with its next step.
-- $1 account_id bigint  $2 job_id bigint  $3 now timestamptz
-- Rows: kind, status as it was
UPDATE job AS j
SET status = 'canceled', finished_at = $3, updated_at = $3, leased_until = NULL
FROM (SELECT job_id, status FROM job
      WHERE account_id = $1 AND job_id = $2 AND status IN ('queued', 'running')
      FOR NO KEY UPDATE) AS was
WHERE j.job_id = was.job_id
  AND j.status IN ('queued', 'running')
RETURNING j.kind, was.status;
