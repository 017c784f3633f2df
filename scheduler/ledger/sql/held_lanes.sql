-- held_lanes: the bulk lanes of batches that are dialled, each with what is held back next, if anything is.
-- $1 batch_id bigint (null: all)
SELECT b.batch_id, la.lane_id, la.shard, (b.throttle ->> 'max_per_min')::double precision AS max_per_min,
       first.next_at AS first_at
FROM batch AS b
JOIN lane AS la ON la.batch_id = b.batch_id AND la.batch_id <> 0 AND la.class = 'bulk'
LEFT JOIN LATERAL (
    SELECT lo.next_at
    FROM loop AS lo
    WHERE lo.lane_id = la.lane_id AND lo.held AND lo.next_at IS NOT NULL
    ORDER BY lo.next_at, lo.loop_id
    LIMIT 1
) AS first ON true
WHERE b.status IN ('ingesting', 'running')
  AND ($1::bigint IS NULL OR b.batch_id = $1)
ORDER BY b.batch_id, la.lane_id;
