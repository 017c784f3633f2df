-- pause_spread: move overdue calls evenly over a stretch of time, each within its own hours. The place in the stretch
-- is a multiple of the golden ratio without its whole part; whole milliseconds, as the wheel counts them.
-- $1 loop_ids bigint[] (their leads are locked)  $2 now timestamptz  $3 room interval  $4 spread interval
-- $5 detail text  $6 first bigint (calls moved before these)
-- Rows: loop_id, lane_id, shard, next_at, was_at of those moved
WITH moved AS (
    SELECT lo.loop_id, lo.next_at AS was, la.shard,
           date_trunc('milliseconds', $2::timestamptz
               + least($4::interval, lo.open_until - $3::interval - $2::timestamptz)
               * mod(($6::bigint + row_number() OVER (ORDER BY lo.next_at, lo.loop_id)) * 0.6180339887498949, 1)
                 ::double precision) AS next_at
    FROM loop AS lo
    JOIN lane AS la USING (lane_id)
    WHERE lo.loop_id = ANY($1::bigint[])
      AND lo.next_at < $2
      AND lo.open_until - $3::interval > $2
)
UPDATE loop AS lo
SET next_at = m.next_at,
    why = (lo.why::jsonb || jsonb_build_array(jsonb_build_object(
        'rule', 'pause', 'effect', 'moved',
        'from_at', (extract(epoch FROM m.was) * 1000)::bigint,
        'to_at', (extract(epoch FROM m.next_at) * 1000)::bigint,
        'detail', $5::text)))::json
FROM moved AS m
WHERE lo.loop_id = m.loop_id
  AND lo.next_at IS NOT NULL
RETURNING lo.loop_id, lo.lane_id, m.shard, lo.next_at, m.was AS was_at;
