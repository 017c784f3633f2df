-- pause_agent: stop all dialing of an agent.
-- $1 account_id bigint  $2 agent_id bigint  $3 reason text  $4 now timestamptz
-- Rows: paused and pause_reason as they were
UPDATE agent AS a
SET paused = true, pause_reason = $3, pauses = a.pauses + 1, updated_at = $4
FROM (SELECT agent_id, paused, pause_reason FROM agent
      WHERE account_id = $1 AND agent_id = $2 FOR NO KEY UPDATE) AS was
WHERE a.agent_id = was.agent_id
RETURNING was.paused, was.pause_reason;
