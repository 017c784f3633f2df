-- replan_read: all that the planner needs to plan these loops anew.
-- $1 loop_ids bigint[]
-- Rows: the loop, its lead, how its last attempt ended, the agent's current policy version
SELECT lo.loop_id, lo.agent_id, lo.batch_id, lo.lane_id, lo.run, lo.step, lo.consecutive_errors, lo.postponed,
       lo.history, lo.started_at, lo.next_at, le.lead_id, le.external_id, le.phone, le.place_id, le.priority,
       le.contacts, le.consent IS NOT NULL AS consent, le.version AS lead_version, ag.policy_version,
       last.outcome, last.ended_at, last.kind, last.disposition, last.callback_at, last.error,
       (SELECT count(*) FROM attempt AS b
        WHERE b.loop_id = lo.loop_id AND b.outcome = 'number_blocked') AS blocked
FROM loop AS lo
JOIN lead AS le USING (lead_id)
JOIN agent AS ag ON ag.agent_id = lo.agent_id
LEFT JOIN attempt AS last ON last.loop_id = lo.loop_id AND last.n = lo.attempts
WHERE lo.loop_id = ANY($1::bigint[]) AND lo.status IN ('scheduled', 'waiting_callback');
