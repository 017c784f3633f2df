-- batch_respread: first touches of a batch at the instants of its pace. Each lane's open time is a line made of
-- stretches; the place on it is a multiple of the golden ratio without its whole part. Who was contacted before keeps
-- an instant that the caps allow.
-- $1 loop_ids bigint[] (their leads are locked)  $2 first bigint (loops placed before these)  $3 held boolean
-- $4 detail text  $5 lane_ids bigint[]  $6 from_ms bigint[]  $7 lengths_ms bigint[]  $8 befores_ms bigint[]
-- $9 open_untils_ms bigint[]
-- Rows: loop_id, lane_id, shard, next_at, was_at, was_held
WITH stretch AS (
    SELECT s.*, max(s.before_ms + s.length_ms) OVER (PARTITION BY s.lane_id) AS whole_ms
    FROM unnest($5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
        AS s (lane_id, from_ms, length_ms, before_ms, open_until_ms)
),
numbered AS (
    SELECT lo.loop_id, lo.lane_id, lo.next_at AS was, lo.held AS was_held,
           mod(($2::bigint + row_number() OVER (ORDER BY lo.loop_id)) * 0.6180339887498949, 1) AS position
    FROM loop AS lo
    JOIN lead AS le USING (lead_id)
    WHERE lo.loop_id = ANY($1::bigint[])
      AND lo.status = 'scheduled'
      AND lo.attempts = 0
      AND cardinality(le.contacts) = 0
),
placed AS (
    SELECT n.loop_id, n.was, n.was_held, la.shard,
           timestamptz 'epoch' + interval '1 millisecond'
               * (s.from_ms + floor(n.position * s.whole_ms) - s.before_ms)::double precision AS next_at,
           timestamptz 'epoch' + interval '1 millisecond' * s.open_until_ms AS open_until
    FROM numbered AS n
    JOIN lane AS la USING (lane_id)
    JOIN stretch AS s ON s.lane_id = n.lane_id
        AND floor(n.position * s.whole_ms) >= s.before_ms
        AND floor(n.position * s.whole_ms) < s.before_ms + s.length_ms
)
UPDATE loop AS lo
SET next_at = p.next_at, open_until = p.open_until, held = $3,
    why = (lo.why::jsonb || jsonb_build_array(jsonb_build_object(
        'rule', 'throttle', 'effect', 'moved',
        'from_at', (extract(epoch FROM p.was) * 1000)::bigint,
        'to_at', (extract(epoch FROM p.next_at) * 1000)::bigint,
        'detail', $4::text)))::json
FROM placed AS p
WHERE lo.loop_id = p.loop_id
RETURNING lo.loop_id, lo.lane_id, p.shard, lo.next_at, p.was AS was_at, p.was_held;
