-- import_part_sum: what of a file is in, and the first numbers that are missing below its last part.
-- $1 account_id bigint  $2 import_id bigint  $3 most integer (missing ones to name)
-- Rows: parts, size, missing integer[]
WITH held AS (
    SELECT part, size FROM import_part WHERE account_id = $1 AND import_id = $2
)
SELECT count(*) AS parts, coalesce(sum(size), 0)::bigint AS size,
       ARRAY(SELECT n
             FROM generate_series(1, (SELECT max(part) FROM held)) AS n
             WHERE n NOT IN (SELECT part FROM held)
             ORDER BY n
             LIMIT $3) AS missing
FROM held;
