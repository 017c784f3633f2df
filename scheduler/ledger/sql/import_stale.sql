-- import_stale: lock imports whose parts nobody completed, and those whose job is over without them.
-- $1 before timestamptz
-- Rows: import_id, bytes, job_status, error (both null where no job was begun)
SELECT i.import_id, i.bytes, j.status AS job_status, j.error
FROM import AS i
LEFT JOIN job AS j ON j.account_id = i.account_id AND j.job_id = i.job_id
WHERE i.terms IS NOT NULL
  AND ((i.status = 'receiving' AND i.touched_at < $1)
       OR (i.status = 'processing' AND j.status IN ('done', 'failed', 'canceled')))
ORDER BY i.import_id
LIMIT 100
FOR UPDATE OF i SKIP LOCKED;
