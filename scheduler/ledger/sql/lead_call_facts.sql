-- lead_call_facts: what may forbid a call to a lead, which is locked, by an agent, whoever asks for it.
-- $1 account_id bigint  $2 lead_id bigint  $3 agent_id bigint  $4 batch_id bigint (0: none)  $5 now timestamptz
SELECT ac.paused OR ag.paused OR coalesce(tr.paused, false) OR coalesce(ba.status IN ('paused', 'canceled'), false)
           OR coalesce((ba.throttle ->> 'start_at')::timestamptz > $5, false) AS paused,
       le.status = 'opted_out'
           OR EXISTS (SELECT FROM suppression AS s WHERE s.account_id = $1 AND s.phone = le.phone) AS suppressed,
       EXISTS (SELECT FROM attempt AS a
               WHERE a.lead_id = le.lead_id
                 AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call')) AS in_call,
       ag.policy_version
FROM lead AS le
JOIN account AS ac USING (account_id)
JOIN agent AS ag ON ag.account_id = le.account_id AND ag.agent_id = $3
LEFT JOIN trunk AS tr ON tr.trunk_id = ag.trunk_id
LEFT JOIN batch AS ba ON ba.batch_id = $4
WHERE le.account_id = $1
  AND le.lead_id = $2;
