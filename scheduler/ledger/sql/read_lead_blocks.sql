-- read_lead_blocks: what the ledger knows that forbids to call this lead now.
-- $1 account_id bigint  $2 lead_id bigint
SELECT ac.paused AS account_paused, ac.pause_reason AS account_pause_reason,
       coalesce(ag.paused, false) AS agent_paused, ag.pause_reason AS agent_pause_reason,
       coalesce(tr.paused, false) AS trunk_paused, tr.name AS trunk_name, ag.caller_id_pool_id,
       coalesce(ba.status IN ('paused', 'canceled'), false) AS batch_held, ba.status AS batch_status,
       le.status = 'opted_out'
           OR EXISTS (SELECT FROM suppression AS s
                      WHERE s.account_id = le.account_id AND s.phone = le.phone) AS suppressed,
       EXISTS (SELECT FROM attempt AS a
               WHERE a.lead_id = le.lead_id
                 AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call')) AS in_call
FROM lead AS le
JOIN account AS ac USING (account_id)
LEFT JOIN agent AS ag ON ag.agent_id = le.agent_id
LEFT JOIN trunk AS tr ON tr.trunk_id = ag.trunk_id
LEFT JOIN batch AS ba ON ba.batch_id = le.batch_id
WHERE le.account_id = $1
  AND le.erased_at IS NULL
  AND le.lead_id = $2;
