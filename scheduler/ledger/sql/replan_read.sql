-- replan_read: all that the planner needs to plan these loops anew.
-- $1 loop_ids bigint[]
-- Rows: the loop, its lead, how its last attempt ended, the agent's current policy version. A loop of a batch starts
-- when its batch does, one of the bulk not before its place in the batch
SELECT lo.loop_id, lo.agent_id, lo.batch_id, lo.lane_id, lo.run, lo.step, lo.consecutive_errors, lo.postponed,
       lo.history, lo.next_at,
       CASE WHEN lo.attempts > 0 OR ba.batch_id IS NULL THEN lo.started_at
            ELSE greatest(lo.started_at, (ba.throttle ->> 'start_at')::timestamptz,
                          CASE WHEN le.priority = 'bulk' THEN lo.next_at END) END AS started_at,
       le.lead_id, le.external_id, le.phone, le.place_id, le.priority,
       le.contacts, le.consent IS NOT NULL AS consent, le.version AS lead_version, ag.policy_version,
       last.outcome, last.ended_at, last.kind, last.disposition, last.callback_at, last.error,
       (SELECT count(*) FROM attempt AS b
        WHERE b.loop_id = lo.loop_id AND b.outcome = 'number_blocked') AS blocked
FROM loop AS lo
JOIN lead AS le USING (lead_id)
JOIN agent AS ag ON ag.agent_id = lo.agent_id
LEFT JOIN batch AS ba ON ba.batch_id = lo.batch_id
LEFT JOIN attempt AS last ON last.loop_id = lo.loop_id AND last.n = lo.attempts
WHERE lo.loop_id = ANY($1::bigint[]) AND lo.status IN ('scheduled', 'waiting_callback');
