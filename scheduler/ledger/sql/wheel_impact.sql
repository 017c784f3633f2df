-- wheel_impact: what a rebuild of the wheel has to bring back, shard by shard.
-- $1 until timestamptz
-- Rows: shard, loops that belong on it, calls under way; none for a shard without lanes
SELECT la.shard, coalesce(sum(w.loops), 0)::bigint AS loops, coalesce(sum(c.calls), 0)::bigint AS calls
FROM lane AS la
LEFT JOIN (SELECT lane_id, count(*) AS loops FROM loop
           WHERE next_at < $1 AND NOT held GROUP BY lane_id) AS w USING (lane_id)
LEFT JOIN (SELECT lane_id, count(*) AS calls FROM attempt
           WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call') GROUP BY lane_id) AS c USING (lane_id)
GROUP BY la.shard;
