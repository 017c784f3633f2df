-- batch_create: a batch of that name, if there is none.
-- $1 account_id bigint  $2 agent_id bigint  $3 name text  $4 priority text  $5 throttle text (JSON)
-- $6 now timestamptz  $7 cadence_id bigint (null: leads follow their agent's settings)
-- Rows: batch_id; none when the agent is not the account's or the name is taken
INSERT INTO batch (account_id, agent_id, name, priority, throttle, status, created_at, updated_at, cadence_id)
SELECT $1, ag.agent_id, $3, $4, $5::json, 'running', $6, $6, $7
FROM agent AS ag
WHERE ag.account_id = $1
  AND ag.agent_id = $2
ON CONFLICT (account_id, name) DO NOTHING
RETURNING batch_id;
