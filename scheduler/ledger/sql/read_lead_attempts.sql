-- read_lead_attempts: every contact with a lead, oldest first. What was never sent is not shown.
-- Active and ended loops each have an index of their own.
-- $1 account_id bigint  $2 lead_id bigint  $3 limit integer
SELECT a.attempt_id, a.loop_id, a.lead_id, a.agent_id, a.batch_id, a.n, a.step, a.kind, a.channel, a.state,
       a.due_at, a.dispatched_at, a.answered_at, a.ended_at, a.talk_s, a.outcome, a.disposition, a.caller_id,
       a.provider, a.provider_call_id, a.error, a.why, a.armed_at, a.amended_at, a.cadence_id, a.cadence_version
FROM loop AS lo
JOIN attempt AS a USING (loop_id)
WHERE ((lo.lead_id = $2 AND lo.status <> 'ended') OR (lo.lead_id = $2 AND lo.status = 'ended'))
  AND lo.account_id = $1
  AND a.state <> 'not_sent'
ORDER BY a.attempt_id
LIMIT $3;
