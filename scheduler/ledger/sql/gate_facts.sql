-- gate_facts: the limits that lanes share, as the ledger has them. What is broken is shut like what is paused. Budgets
-- are counted apart.
-- $1 account_ids bigint[]  $2 agent_ids bigint[]  $3 batch_ids bigint[]  $4 trunk_ids bigint[] (null: all of a kind)
SELECT 'a' AS kind, account_id AS id, account_id, paused, max_concurrent, max_dials_per_s,
       NULL::double precision AS max_per_min
FROM account
WHERE $1::bigint[] IS NULL OR account_id = ANY($1::bigint[])
UNION ALL
SELECT 'g', agent_id, account_id,
       paused OR EXISTS (SELECT FROM breaker WHERE breaker.kind = 'g' AND breaker.id = agent_id), NULL, NULL, NULL
FROM agent
WHERE $2::bigint[] IS NULL OR agent_id = ANY($2::bigint[])
UNION ALL
SELECT 'b', batch_id, account_id, status IN ('paused', 'canceled'), (throttle ->> 'max_concurrent')::integer, NULL,
       (throttle ->> 'max_per_min')::double precision
FROM batch
WHERE $3::bigint[] IS NULL OR batch_id = ANY($3::bigint[])
UNION ALL
SELECT 't', trunk_id, account_id,
       paused OR EXISTS (SELECT FROM breaker WHERE breaker.kind = 't' AND breaker.id = trunk_id),
       max_concurrent, max_dials_per_s, NULL
FROM trunk
WHERE $4::bigint[] IS NULL OR trunk_id = ANY($4::bigint[]);
