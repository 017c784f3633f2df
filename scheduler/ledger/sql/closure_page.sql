-- closure_page: a page of the account's closures; by id when ids are given.
-- $1 account_id bigint  $2 closure_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT closure_id, regions, starts_at, ends_at, reason, created_at, updated_at
FROM closure
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR closure_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN closure_id < $3 ELSE closure_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -closure_id ELSE closure_id END
LIMIT $5;
