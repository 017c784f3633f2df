-- agent_reroute: set what an agent's calls go out by; what is planned for it is outdated then.
-- $1 account_id bigint  $2 agent_id bigint  $3 policy_version bigint  $4 changes jsonb  $5 now timestamptz
-- Rows: the route as it was; none when the agent was changed since that version
UPDATE agent AS a
SET trunk_id = CASE WHEN $4::jsonb ? 'trunk_id' THEN ($4::jsonb ->> 'trunk_id')::bigint ELSE a.trunk_id END,
    caller_id_pool_id = CASE WHEN $4::jsonb ? 'caller_id_pool_id' THEN ($4::jsonb ->> 'caller_id_pool_id')::bigint
                             ELSE a.caller_id_pool_id END,
    policy_version = a.policy_version + 1, updated_at = $5
FROM (SELECT agent_id, trunk_id, caller_id_pool_id
      FROM agent
      WHERE account_id = $1 AND agent_id = $2 AND policy_version = $3
      FOR NO KEY UPDATE) AS was
WHERE a.agent_id = was.agent_id
RETURNING was.trunk_id, was.caller_id_pool_id;
