-- pause_overdue: lock the next leads, in id order, whose call came due during a pause and can still be moved.
-- $1 account_id bigint  $2 now timestamptz  $3 room interval  $4 after lead_id bigint  $5 limit integer
SELECT le.lead_id
FROM lead AS le
WHERE le.lead_id IN (
    SELECT lo.lead_id
    FROM loop AS lo
    JOIN lane AS la USING (lane_id)
    WHERE lo.next_at <= $2
      AND lo.account_id = $1
      AND lo.open_until - $3::interval > $2
      AND la.class <> 'live'
      AND lo.lead_id > $4
    ORDER BY lo.lead_id
    LIMIT $5
)
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
