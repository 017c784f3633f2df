-- caller_id_pool_change: set name and strategy where `changes` names them.
-- $1 account_id bigint  $2 caller_id_pool_id bigint  $3 changes jsonb  $4 now timestamptz
-- Rows: the fields as they were
UPDATE caller_id_pool AS p
SET name = coalesce($3::jsonb ->> 'name', p.name), strategy = coalesce($3::jsonb ->> 'strategy', p.strategy),
    updated_at = $4
FROM (SELECT caller_id_pool_id, name, strategy
      FROM caller_id_pool
      WHERE account_id = $1 AND caller_id_pool_id = $2
      FOR NO KEY UPDATE) AS was
WHERE p.caller_id_pool_id = was.caller_id_pool_id
RETURNING was.name, was.strategy;
