-- settings_lock_agent: an agent with its settings, held until the transaction ends.
-- $1 account_id bigint  $2 agent_id bigint
SELECT agent_id, name, voice, timezone, windows, auto_dialer, paused, trunk_id, caller_id_pool_id, policy_version,
       created_at, updated_at
FROM agent
WHERE account_id = $1
  AND agent_id = $2
  AND deleted_at IS NULL
FOR NO KEY UPDATE;
