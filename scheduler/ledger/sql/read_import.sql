-- read_import: what became of a file.
-- $1 account_id bigint  $2 import_id bigint
SELECT import_id, batch_id, status, columns, bytes, rows, created, updated, unchanged, duplicate, suppressed,
       rejected, started_at, finished_at
FROM import
WHERE account_id = $1
  AND import_id = $2;
