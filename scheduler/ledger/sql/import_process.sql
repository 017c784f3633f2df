-- import_process: all parts are in, and a job works on them.
-- $1 import_id bigint  $2 size bigint  $3 job_id bigint  $4 now timestamptz
UPDATE import
SET status = 'processing', size = $2, job_id = $3, touched_at = $4
WHERE import_id = $1
  AND status = 'receiving';
