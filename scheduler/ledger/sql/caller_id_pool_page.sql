-- caller_id_pool_page: a page of the account's pools with their numbers in order; by id when ids are given.
-- $1 account_id bigint  $2 pool_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT p.caller_id_pool_id, p.name, p.strategy, p.created_at, p.updated_at,
       ARRAY(SELECT m.caller_id_id FROM caller_id_member AS m
             WHERE m.caller_id_pool_id = p.caller_id_pool_id ORDER BY m.position) AS caller_id_ids
FROM caller_id_pool AS p
WHERE p.account_id = $1
  AND ($2::bigint[] IS NULL OR p.caller_id_pool_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL
       OR CASE WHEN $4::boolean THEN p.caller_id_pool_id < $3 ELSE p.caller_id_pool_id > $3 END)
  AND p.created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -p.caller_id_pool_id ELSE p.caller_id_pool_id END
LIMIT $5;
