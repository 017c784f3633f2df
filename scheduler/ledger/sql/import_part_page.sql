-- import_part_page: parts that are in, without their bytes.
-- $1 account_id bigint  $2 import_id bigint  $3 after integer (null: from the start)  $4 descending boolean
-- $5 limit integer  $6 created tstzrange
SELECT import_part_id, part, size, sha256, created_at, coalesce(changed_at, created_at) AS updated_at
FROM import_part
WHERE account_id = $1
  AND import_id = $2
  AND ($3::integer IS NULL OR CASE WHEN $4::boolean THEN part < $3 ELSE part > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -part ELSE part END
LIMIT $5;
