-- pause_overdue: lock the leads, in id order, of the next calls in order of time that came due during a pause and
-- can still be moved. Live leads keep their time and so go first; a paced batch is held by its pace.
-- $1 account_id bigint  $2 agent_id bigint (null: all)  $3 batch_id bigint (null: all)  $4 now timestamptz
-- $5 room interval  $6 after next_at timestamptz  $7 after loop_id bigint  $8 limit integer
-- Rows: lead_id, loop_id, next_at
WITH overdue AS MATERIALIZED (
    SELECT lo.lead_id, lo.loop_id, lo.next_at
    FROM loop AS lo
    JOIN lane AS la USING (lane_id)
    LEFT JOIN batch AS b ON b.batch_id = la.batch_id
    WHERE lo.next_at IS NOT NULL AND NOT lo.held AND lo.next_at < $4
      AND (lo.next_at, lo.loop_id) > ($6, $7)
      AND lo.account_id = $1
      AND ($2::bigint IS NULL OR lo.agent_id = $2)
      AND ($3::bigint IS NULL OR lo.batch_id = $3)
      AND lo.open_until - $5::interval > $4
      AND la.class <> 'live'
      AND b.throttle ->> 'max_per_min' IS NULL
    ORDER BY lo.next_at, lo.loop_id
    LIMIT $8
)
SELECT le.lead_id, o.loop_id, o.next_at
FROM overdue AS o
JOIN lead AS le USING (lead_id)
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
