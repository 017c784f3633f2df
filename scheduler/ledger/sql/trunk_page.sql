-- trunk_page: a page of the account's trunks; by id when trunk_ids are given.
-- $1 account_id bigint  $2 trunk_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT trunk_id, name, max_concurrent, max_dials_per_s, paused, created_at, updated_at
FROM trunk
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR trunk_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN trunk_id < $3 ELSE trunk_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -trunk_id ELSE trunk_id END
LIMIT $5;
