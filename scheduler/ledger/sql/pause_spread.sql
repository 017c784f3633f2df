-- pause_spread: move overdue calls evenly over a stretch of time, each within its own hours. The place in the
-- stretch follows from the loop's id alone; whole milliseconds, as the wheel counts them.
-- $1 lead_ids bigint[] (locked)  $2 now timestamptz  $3 room interval  $4 spread interval  $5 detail text
-- Rows: loop_id, lane_id, shard, next_at, was_at of those moved
WITH moved AS (
    SELECT lo.loop_id, lo.next_at AS was, la.shard,
           date_trunc('milliseconds', $2::timestamptz
               + least($4::interval, lo.open_until - $3::interval - $2::timestamptz)
               * ((hashint8extended(lo.loop_id, 0) & 2147483647)::double precision / 2147483648)) AS next_at
    FROM loop AS lo
    JOIN lane AS la USING (lane_id)
    WHERE lo.lead_id = ANY($1::bigint[])
      AND lo.next_at <= $2
      AND lo.open_until - $3::interval > $2
      AND la.class <> 'live'
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
