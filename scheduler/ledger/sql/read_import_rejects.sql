-- read_import_rejects: a page of the rows that did not come in, in the order of the file.
-- $1 account_id bigint  $2 import_id bigint  $3 after_row bigint  $4 limit integer
SELECT r.row, r."column", r.code, r.detail, r.cells
FROM import AS i
JOIN import_reject AS r USING (import_id)
WHERE i.account_id = $1
  AND i.import_id = $2
  AND r.row > $3
ORDER BY r.row
LIMIT $4;
