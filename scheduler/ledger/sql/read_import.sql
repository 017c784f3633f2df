-- read_import: what became of files; a page of them, or those that are named.
-- $1 account_id bigint  $2 import_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
-- $7 statuses text[]  $8 batch_ids bigint[] (each null: any)
SELECT import_id, batch_id, status, columns, bytes, size, rows, created, updated, unchanged, duplicate, suppressed,
       rejected, started_at, finished_at, touched_at, job_id, terms IS NOT NULL AS in_parts, trouble, resume_row
FROM import
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR import_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN import_id < $3 ELSE import_id > $3 END)
  AND ($7::text[] IS NULL OR status = ANY($7::text[]))
  AND ($8::bigint[] IS NULL OR batch_id = ANY($8::bigint[]))
  AND started_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -import_id ELSE import_id END
LIMIT $5;
