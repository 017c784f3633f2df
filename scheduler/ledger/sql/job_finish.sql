-- job_finish: a job is over; by the one who took it last.
-- $1 job_id bigint  $2 takes integer  $3 status text  $4 error text  $5 now timestamptz
UPDATE job
SET status = $3, error = $4, finished_at = $5, updated_at = $5, leased_until = NULL,
    total = CASE WHEN $3 = 'done' THEN done ELSE total END
WHERE job_id = $1
  AND takes = $2
  AND status = 'running';
