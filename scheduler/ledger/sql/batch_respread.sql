-- batch_respread: first touches of a batch at the instants of its pace. Each lane's open time is a line made of
-- stretches; the place on it is a multiple of the golden ratio without its whole part. Who was contacted before keeps
-- an instant that the caps allow, and who was given one by a person keeps that. One that follows a cadence may have hours
-- of its own: the arm plans it anew.
-- $1 loop_ids bigint[] (their leads are locked)  $2 first bigint (loops placed before these)  $3 held boolean
-- $4 detail text  $5 lane_ids bigint[]  $6 from_ms bigint[]  $7 lengths_ms bigint[]  $8 befores_ms bigint[]
-- $9 open_untils_ms bigint[]
-- Rows: loop_id, lane_id, shard, next_at, was_at, was_held
WITH stretch AS MATERIALIZED (
    SELECT s.lane_id, s.from_ms - s.before_ms AS offset_ms, s.before_ms, s.before_ms + s.length_ms AS until_ms,
           s.open_until_ms, max(s.before_ms + s.length_ms) OVER (PARTITION BY s.lane_id) AS whole_ms, la.shard
    FROM unnest($5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
        AS s (lane_id, from_ms, length_ms, before_ms, open_until_ms)
    JOIN lane AS la USING (lane_id)
),
numbered AS MATERIALIZED (
    SELECT lo.loop_id, lo.lane_id, lo.next_at AS was, lo.held AS was_held,
           ($2::bigint + row_number() OVER (ORDER BY lo.loop_id)) * 0.6180339887498949::double precision AS turns
    FROM unnest($1::bigint[]) AS w (loop_id)
    JOIN loop AS lo USING (loop_id)
    JOIN lead AS le ON le.lead_id = lo.lead_id
    WHERE lo.status = 'scheduled'
      AND lo.attempts = 0
      AND le.contacts = '{}'
      AND lo.asked IS NULL
),
placed AS (
    SELECT n.loop_id, n.was, n.was_held, s.shard, s.open_until_ms,
           s.offset_ms + floor((n.turns - floor(n.turns)) * s.whole_ms) AS next_ms
    FROM numbered AS n
    JOIN stretch AS s ON s.lane_id = n.lane_id
        AND floor((n.turns - floor(n.turns)) * s.whole_ms) >= s.before_ms
        AND floor((n.turns - floor(n.turns)) * s.whole_ms) < s.until_ms
)
UPDATE loop AS lo
SET next_at = timestamptz 'epoch' + p.next_ms * interval '1 millisecond',
    open_until = timestamptz 'epoch' + p.open_until_ms * interval '1 millisecond', held = $3,
    lead_version = CASE WHEN lo.cadence_id IS NULL THEN lo.lead_version ELSE 0 END,
    why = (lo.why::jsonb || jsonb_build_array(jsonb_build_object(
        'rule', 'throttle', 'effect', 'moved', 'from_at', (extract(epoch FROM p.was) * 1000)::bigint,
        'to_at', p.next_ms::bigint, 'detail', $4::text)))::json
FROM placed AS p
WHERE lo.loop_id = p.loop_id
RETURNING lo.loop_id, lo.lane_id, p.shard, lo.next_at, p.was AS was_at, p.was_held;
