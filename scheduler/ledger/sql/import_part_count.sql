-- import_part_count: how many parts of a file are in.
-- $1 account_id bigint  $2 import_id bigint  $3 created tstzrange
SELECT count(*) AS count
FROM import_part
WHERE account_id = $1 AND import_id = $2 AND created_at <@ $3::tstzrange;
