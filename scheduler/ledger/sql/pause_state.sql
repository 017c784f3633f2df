-- pause_state: whether an account, an agent or a batch is paused, and the version that says so.
-- $1 kind text  $2 account_id bigint  $3 id bigint
-- Rows: paused, over (a batch that is never dialled again), pause_reason, version
SELECT paused, false AS over, pause_reason, version
FROM account
WHERE $1 = 'account' AND account_id = $2 AND account_id = $3
UNION ALL
SELECT paused, false, pause_reason, pauses
FROM agent
WHERE $1 = 'agent' AND account_id = $2 AND agent_id = $3 AND deleted_at IS NULL
UNION ALL
SELECT status = 'paused', status IN ('done', 'canceled'), pause_reason, pauses
FROM batch
WHERE $1 = 'batch' AND account_id = $2 AND batch_id = $3;
