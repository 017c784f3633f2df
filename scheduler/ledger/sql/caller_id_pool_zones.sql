-- caller_id_pool_zones: whose pools these are, and whose midnight ends their day.
-- $1 pool_ids bigint[] (null: all)
SELECT p.caller_id_pool_id, p.account_id, p.strategy, ac.timezone
FROM caller_id_pool AS p
JOIN account AS ac USING (account_id)
WHERE $1::bigint[] IS NULL OR p.caller_id_pool_id = ANY($1::bigint[])
ORDER BY p.caller_id_pool_id;
