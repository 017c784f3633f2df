-- read_attempt: contacts, each with the zone of its lead. What was never sent is not shown.
-- $1 account_id bigint  $2 attempt_ids bigint[]
SELECT a.attempt_id, a.loop_id, a.lead_id, a.agent_id, a.batch_id, a.n, a.step, a.kind, a.channel, a.state,
       a.due_at, a.dispatched_at, a.answered_at, a.ended_at, a.talk_s, a.outcome, a.disposition, a.caller_id,
       a.provider, a.provider_call_id, a.error, a.why, a.armed_at, a.amended_at, a.cadence_id, a.cadence_version,
       le.timezone, pl.own_zones, ac.timezone AS account_timezone
FROM attempt AS a
JOIN lead AS le USING (lead_id)
JOIN place AS pl USING (place_id)
JOIN account AS ac ON ac.account_id = a.account_id
WHERE a.account_id = $1
  AND a.attempt_id = ANY($2::bigint[])
  AND a.state <> 'not_sent';
