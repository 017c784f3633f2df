-- loop_due: waiting loops whose time comes in [from, until), in order, for the wheel; without what is held back.
-- $1 from timestamptz  $2 until timestamptz  $3 after_loop_id bigint (with from: the last row of the page before)
-- $4 limit integer  $5 shard integer (null: of every shard)
SELECT lo.loop_id, lo.lane_id, la.shard, lo.next_at
FROM loop AS lo
JOIN lane AS la USING (lane_id)
WHERE lo.next_at IS NOT NULL AND NOT lo.held AND lo.next_at >= $1 AND lo.next_at < $2
  AND (lo.next_at, lo.loop_id) > ($1, $3)
  AND ($5::integer IS NULL OR la.shard = $5)
ORDER BY lo.next_at, lo.loop_id
LIMIT $4;
