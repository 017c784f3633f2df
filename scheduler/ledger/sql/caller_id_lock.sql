-- caller_id_lock: the pools of these loops' agents, locked in id order, and what choosing a number for each lead
-- looks at. What is read of the pools' numbers afterwards holds until the end of the transaction.
-- $1 loop_ids bigint[]
SELECT lo.loop_id, lo.run, lo.attempts + 1 AS n, lo.agent_id, ag.policy_version, p.caller_id_pool_id, p.strategy,
       lo.cadence_id, lo.cadence_version, lo.next_step,
       CASE WHEN lo.next_kind = 'manual' THEN lo.asked_caller_id END AS asked_caller_id,
       ac.timezone, le.phone, le.external_id, pl.regions,
       CASE WHEN p.strategy = 'sticky' OR lo.cadence_id IS NOT NULL THEN
           (SELECT a.caller_id
            FROM (SELECT loop_id FROM loop WHERE lead_id = lo.lead_id AND status <> 'ended'
                  UNION ALL
                  SELECT loop_id FROM loop WHERE lead_id = lo.lead_id AND status = 'ended') AS own
            JOIN attempt AS a USING (loop_id)
            WHERE a.caller_id IS NOT NULL AND a.state <> 'not_sent'
            ORDER BY a.armed_at DESC
            LIMIT 1)
       END AS last_caller_id
FROM loop AS lo
JOIN lead AS le USING (lead_id)
JOIN place AS pl ON pl.place_id = le.place_id
JOIN agent AS ag ON ag.agent_id = lo.agent_id
JOIN account AS ac ON ac.account_id = ag.account_id
JOIN caller_id_pool AS p ON p.caller_id_pool_id = ag.caller_id_pool_id
WHERE lo.loop_id = ANY($1::bigint[])
ORDER BY p.caller_id_pool_id, lo.loop_id
FOR NO KEY UPDATE OF p;
