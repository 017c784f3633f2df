-- job_put_back: a job waits again, for whoever is free at `not_before`; by the one who took it last.
-- $1 job_id bigint  $2 takes integer  $3 error text  $4 not_before timestamptz  $5 forgiven smallint (tries that do not
-- count)  $6 now timestamptz
UPDATE job
SET status = 'queued', error = $3, leased_until = $4, tries = greatest(tries - $5::smallint, 0), updated_at = $6
WHERE job_id = $1
  AND takes = $2
  AND status = 'running';
