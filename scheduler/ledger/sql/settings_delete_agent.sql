-- settings_delete_agent: take an agent away that calls nobody; what it did stays told, and it keeps no trunk, pool or
-- cadence in use.
-- $1 account_id bigint  $2 agent_id bigint  $3 now timestamptz
-- Rows: agent_id; none when a loop of it still runs
UPDATE agent AS a
SET deleted_at = $3, paused = true, pause_reason = 'deleted', trunk_id = NULL, caller_id_pool_id = NULL,
    auto_dialer = (a.auto_dialer::jsonb || '{"enabled": false, "strategy": "followup"}')::json, updated_at = $3
WHERE a.account_id = $1
  AND a.agent_id = $2
  AND a.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM loop AS lo
                  WHERE lo.status <> 'ended' AND lo.agent_id = a.agent_id AND lo.account_id = a.account_id)
RETURNING a.agent_id;
