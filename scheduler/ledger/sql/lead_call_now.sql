-- lead_call_now: the next attempt of a loop is the call that somebody asked for, now; what was planned is planned anew
-- after it.
-- $1 loop_id bigint (its lead is locked)  $2 agent_id bigint  $3 lane_id bigint  $4 now timestamptz
-- $5 open_until timestamptz  $6 why text  $7 policy_version bigint
-- $8 caller_id_id bigint (the number that it is to show; null: as for any call)
-- Rows: loop_id; none for a loop that is in a call, paused or over
UPDATE loop AS lo
SET status = 'scheduled', agent_id = $2, lane_id = $3, next_at = $4, open_until = $5, next_kind = 'manual',
    next_step = lo.step, next_channel = 'call', why = $6::text::json, policy_version = $7, lead_version = le.version,
    held = false, asked_caller_id = $8
FROM lead AS le
WHERE lo.loop_id = $1
  AND le.lead_id = lo.lead_id
  AND lo.status IN ('scheduled', 'waiting_callback', 'awaiting_result')
RETURNING lo.loop_id;
