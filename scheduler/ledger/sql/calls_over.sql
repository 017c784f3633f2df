-- calls_over: which of these loops are in no call, each with the lane it was last called from.
-- $1 loop_ids bigint[]
SELECT lo.loop_id, coalesce(last.lane_id, lo.lane_id) AS lane_id
FROM loop AS lo
LEFT JOIN LATERAL (
    SELECT a.lane_id, a.state FROM attempt AS a WHERE a.loop_id = lo.loop_id ORDER BY a.n DESC LIMIT 1
) AS last ON true
WHERE lo.loop_id = ANY($1::bigint[])
  AND coalesce(last.state, '') NOT IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
