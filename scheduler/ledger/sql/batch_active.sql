-- batch_active: lock the leads, in id order, of the batch's next loops that are not over.
-- $1 batch_id bigint  $2 after loop_id bigint  $3 limit integer
-- Rows: lead_id, loop_id
WITH active AS MATERIALIZED (
    SELECT lead_id, loop_id
    FROM loop
    WHERE batch_id = $1 AND status <> 'ended' AND loop_id > $2
    ORDER BY loop_id
    LIMIT $3
)
SELECT le.lead_id, a.loop_id
FROM active AS a
JOIN lead AS le USING (lead_id)
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
