-- replan_read: all that the planner needs to plan these loops anew.
-- $1 loop_ids bigint[]
-- Rows: the loop, its lead, how its last attempt ended, the agent's current policy version. A loop of a batch starts
-- when its batch does (`batch_from`), one of the bulk not before its place in the batch, which is its next_at
-- (`in_turn`). What was skipped ended, for the plan, at its time. `follows` is the cadence that the loop is to follow
-- now: its own, or that of its agent's settings. `history` and `contacts` are null where there are none
SELECT lo.loop_id, lo.agent_id, lo.batch_id, lo.lane_id, lo.run, lo.step, lo.consecutive_errors, lo.postponed,
       nullif(lo.history, '{}') AS history, lo.next_at, lo.status, lo.open_until, lo.next_kind, lo.next_step,
       lo.next_channel, lo.why, lo.held,
       CASE WHEN lo.attempts > 0 OR le.attempts_count > 0 OR ba.batch_id IS NULL THEN lo.started_at
            ELSE greatest(lo.started_at, (ba.throttle ->> 'start_at')::timestamptz,
                          CASE WHEN le.priority = 'bulk' THEN lo.next_at END) END AS started_at,
       lo.attempts = 0 AND le.attempts_count = 0 AND le.priority = 'bulk' AND ba.batch_id IS NOT NULL AS in_turn,
       greatest(lo.started_at, (ba.throttle ->> 'start_at')::timestamptz) AS batch_from,
       lo.account_id, lo.cadence_id, lo.cadence_version, lo.trail, lo.once, le.quiet_until, lo.asked,
       greatest(lo.asked_at, CASE WHEN lo.attempts = 0 AND lo.asked_at IS NOT NULL
                                  THEN (ba.throttle ->> 'start_at')::timestamptz END) AS asked_at,
       ca.cadence_id AS follows, ca.status AS follows_status,
       CASE WHEN ca.cadence_id = lo.cadence_id THEN greatest(lo.cadence_version, ca.applied_version)
            ELSE ca.version END AS follows_version,
       CASE WHEN ca.cadence_id IS NOT NULL THEN le.appointment_at END AS appointment_at,
       CASE WHEN ca.cadence_id IS NOT NULL THEN le.tags END AS tags,
       CASE WHEN ca.cadence_id IS NOT NULL THEN le.variables END AS variables,
       le.lead_id, le.external_id, le.phone, le.place_id, le.priority,
       nullif(le.contacts, '{}') AS contacts, le.consent AS consent_said, le.version AS lead_version, ag.policy_version,
       CASE WHEN last.state = 'skipped' THEN 'canceled' ELSE last.outcome END AS outcome,
       CASE WHEN last.state = 'skipped' THEN last.due_at ELSE last.ended_at END AS ended_at, last.kind,
       last.disposition, last.callback_at, last.error,
       (SELECT count(*) FROM attempt AS b
        WHERE b.loop_id = lo.loop_id AND b.outcome = 'number_blocked') AS blocked
FROM loop AS lo
JOIN lead AS le USING (lead_id)
JOIN agent AS ag ON ag.agent_id = lo.agent_id
LEFT JOIN LATERAL (                            -- by its key each time: a join may be planned as a hash of them all
    SELECT c.cadence_id, c.status, c.version, c.applied_version
    FROM cadence AS c
    WHERE c.cadence_id = CASE WHEN lo.cadence_chosen THEN lo.cadence_id ELSE ag.cadence_id END
    LIMIT 1
) AS ca ON true
LEFT JOIN batch AS ba ON ba.batch_id = lo.batch_id
LEFT JOIN attempt AS last ON last.loop_id = lo.loop_id AND last.n = lo.attempts
WHERE lo.loop_id = ANY($1::bigint[]) AND lo.status IN ('scheduled', 'waiting_callback');
