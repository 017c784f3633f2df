-- callback_begin: a loop for the one call that a lead asked for; it waits until it is said when.
-- $1 account_id bigint  $2 lead_id bigint (locked, without an active loop)  $3 agent_id bigint  $4 lane_id bigint
-- $5 policy_version bigint  $6 now timestamptz
-- Rows: loop_id
INSERT INTO loop (account_id, lead_id, agent_id, lane_id, status, started_at, policy_version, lead_version, once)
SELECT $1, le.lead_id, $3, $4, 'awaiting_result', $6, $5, le.version, true
FROM lead AS le
WHERE le.account_id = $1
  AND le.lead_id = $2
RETURNING loop_id;
