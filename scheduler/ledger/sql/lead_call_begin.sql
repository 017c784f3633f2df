-- lead_call_begin: a loop that begins with the call that somebody asked for, now; `once`: and ends with it.
-- $1 account_id bigint  $2 lead_id bigint (locked, without an active loop)  $3 agent_id bigint  $4 lane_id bigint
-- $5 now timestamptz  $6 open_until timestamptz  $7 why text  $8 policy_version bigint  $9 once boolean
-- $10 caller_id_id bigint (the number that it is to show; null: as for any call)
-- Rows: loop_id
INSERT INTO loop (account_id, lead_id, agent_id, lane_id, status, started_at, next_at, open_until, next_kind,
                  next_step, next_channel, why, policy_version, lead_version, once,
                  asked_caller_id)
SELECT $1, le.lead_id, $3, $4, 'scheduled', $5, $5, $6, 'manual', 0, 'call', $7::text::json, $8, le.version, $9, $10
FROM lead AS le
WHERE le.account_id = $1
  AND le.lead_id = $2
RETURNING loop_id;
