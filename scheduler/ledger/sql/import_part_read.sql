-- import_part_read: a part and its digest; its bytes only where they are wanted.
-- $1 account_id bigint  $2 import_id bigint  $3 part integer  $4 wanted boolean
SELECT import_part_id, part, size, sha256, created_at, coalesce(changed_at, created_at) AS updated_at,
       CASE WHEN $4::boolean THEN data END AS data
FROM import_part
WHERE account_id = $1
  AND import_id = $2
  AND part = $3;
