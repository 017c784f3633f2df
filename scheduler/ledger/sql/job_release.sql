-- job_release: a job that was made to wait may be taken now.
-- $1 job_id bigint
UPDATE job
SET leased_until = NULL
WHERE job_id = $1
  AND status = 'queued'
  AND takes = 0;
