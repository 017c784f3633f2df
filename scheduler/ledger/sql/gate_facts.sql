-- gate_facts: the limits that lanes share, as the ledger has them; null selects all of a kind.
-- $1 account_id bigint  $2 agent_id bigint  $3 batch_id bigint (all null: everything)
SELECT 'a' AS kind, account_id AS id, account_id, paused, max_concurrent, max_dials_per_s, NULL::double precision AS max_per_min
FROM account
WHERE ($1::bigint IS NULL AND $2::bigint IS NULL AND $3::bigint IS NULL) OR account_id = $1
UNION ALL
SELECT 'g', agent_id, account_id, paused, NULL, NULL, NULL
FROM agent
WHERE ($1::bigint IS NULL AND $2::bigint IS NULL AND $3::bigint IS NULL) OR agent_id = $2
UNION ALL
SELECT 'b', batch_id, account_id, status IN ('paused', 'canceled'), (throttle ->> 'max_concurrent')::integer, NULL,
       (throttle ->> 'max_per_min')::double precision
FROM batch
WHERE ($1::bigint IS NULL AND $2::bigint IS NULL AND $3::bigint IS NULL) OR batch_id = $3;
