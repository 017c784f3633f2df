-- pause_lift_agent: restart an agent's dialing, unless somebody paused or resumed it since it was read.
-- $1 account_id bigint  $2 agent_id bigint  $3 pauses bigint  $4 now timestamptz
-- Rows: version if this call lifted the pause
UPDATE agent
SET paused = false, pause_reason = NULL, pauses = pauses + 1, updated_at = $4
WHERE account_id = $1
  AND agent_id = $2
  AND paused
  AND pauses = $3
RETURNING pauses AS version;
