-- settle_read: attempts with the loop, the lead and the policy version that the next plan needs.
-- $1 attempt_ids bigint[]
SELECT a.attempt_id, a.state, a.outcome, a.permit, a.n, a.kind, a.due_at, a.armed_at, a.dispatched_at, a.answered_at,
       lo.loop_id, lo.account_id, lo.agent_id, lo.batch_id, a.lane_id, lo.status AS loop_status, lo.run, lo.step,
       lo.consecutive_errors, lo.postponed, lo.history, lo.started_at,
       le.lead_id, le.external_id, le.phone, le.place_id, le.priority, le.contacts,
       le.consent IS NOT NULL AS consent, le.version AS lead_version, le.status AS lead_status, ag.policy_version,
       (SELECT count(*) FROM attempt AS b
        WHERE b.loop_id = lo.loop_id AND b.outcome = 'number_blocked') AS blocked
FROM attempt AS a
JOIN loop AS lo USING (loop_id)
JOIN lead AS le ON le.lead_id = a.lead_id
JOIN agent AS ag ON ag.agent_id = a.agent_id
WHERE a.attempt_id = ANY($1::bigint[]);
