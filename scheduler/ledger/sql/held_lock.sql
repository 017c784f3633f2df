-- held_lock: lock the leads, in id order, of what is held back next on each of these lanes.
-- $1 lane_ids bigint[]  $2 until timestamptz  $3 limit integer (of each lane)
SELECT le.lead_id
FROM lead AS le
WHERE le.lead_id IN (
    SELECT next.lead_id
    FROM unnest($1::bigint[]) AS la (lane_id)
    CROSS JOIN LATERAL (
        SELECT lo.lead_id
        FROM loop AS lo
        WHERE lo.lane_id = la.lane_id AND lo.held AND lo.next_at IS NOT NULL AND lo.next_at < $2
        ORDER BY lo.next_at, lo.loop_id
        LIMIT $3
    ) AS next
)
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
