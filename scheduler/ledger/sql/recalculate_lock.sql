-- recalculate_lock: those of these leads that nobody holds, locked in id order: the dialer is not waited for.
-- $1 lead_ids: an array literal
SELECT lead_id, version
FROM lead
WHERE lead_id = ANY($1::text::bigint[])
ORDER BY lead_id
FOR NO KEY UPDATE SKIP LOCKED;
