-- settle_read: attempts with the loop, the lead and the policy version that the next plan needs. `follows` is the
-- cadence that the loop is to follow now: its own, or that of its agent's settings.
-- $1 attempt_ids bigint[]
SELECT a.attempt_id, a.state, a.outcome, a.permit, a.n, a.kind, a.due_at, a.armed_at, a.dispatched_at, a.answered_at,
       a.step AS dialled_step, a.lane_id,
       lo.loop_id, lo.account_id, lo.agent_id, lo.batch_id, lo.status AS loop_status, lo.run, lo.step,
       lo.consecutive_errors, lo.postponed, lo.history, lo.started_at, lo.cadence_id, lo.cadence_version, lo.trail,
       lo.once, le.quiet_until, CASE WHEN lo.asked_in_call OR a.kind = 'manual' THEN lo.asked END AS asked, lo.asked_at,
       ca.cadence_id AS follows, ca.status AS follows_status,
       CASE WHEN ca.cadence_id = lo.cadence_id THEN greatest(lo.cadence_version, ca.applied_version)
            ELSE ca.version END AS follows_version,
       CASE WHEN ca.cadence_id IS NOT NULL THEN le.appointment_at END AS appointment_at,
       CASE WHEN ca.cadence_id IS NOT NULL THEN le.tags END AS tags,
       CASE WHEN ca.cadence_id IS NOT NULL THEN le.variables END AS variables,
       le.lead_id, le.external_id, le.phone, le.place_id, le.priority, le.contacts,
       le.consent AS consent_said, le.version AS lead_version, le.status AS lead_status, ag.policy_version,
       (SELECT count(*) FROM attempt AS b
        WHERE b.loop_id = lo.loop_id AND b.outcome = 'number_blocked') AS blocked
FROM attempt AS a
JOIN loop AS lo USING (loop_id)
JOIN lead AS le ON le.lead_id = a.lead_id
JOIN agent AS ag ON ag.agent_id = a.agent_id
LEFT JOIN LATERAL (                            -- by its key each time: a join may be planned as a hash of them all
    SELECT c.cadence_id, c.status, c.version, c.applied_version
    FROM cadence AS c
    WHERE c.cadence_id = CASE WHEN lo.cadence_chosen THEN lo.cadence_id ELSE ag.cadence_id END
    LIMIT 1
) AS ca ON true
WHERE a.attempt_id = ANY($1::bigint[]);
