-- imports_receiving: files that are coming in as one body, or whose receiver is gone.
-- Rows: import_id, bytes, rows
SELECT import_id, bytes, rows
FROM import
WHERE status = 'receiving'
  AND terms IS NULL
ORDER BY import_id
LIMIT 10000;
