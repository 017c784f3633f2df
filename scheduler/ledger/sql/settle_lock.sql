-- settle_lock: the leads of these attempts, locked in id order.
-- $1 attempt_ids bigint[]
SELECT le.lead_id
FROM lead AS le
WHERE le.lead_id IN (SELECT a.lead_id FROM attempt AS a WHERE a.attempt_id = ANY($1::bigint[]))
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
