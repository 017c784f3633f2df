-- imports_receiving: files that are coming in, or whose receiver is gone.
-- Rows: import_id, bytes, rows
SELECT import_id, bytes, rows
FROM import
WHERE status = 'receiving'
ORDER BY import_id
LIMIT 10000;
