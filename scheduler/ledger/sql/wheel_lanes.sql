-- wheel_lanes: the lanes of an account, a page at a time.
-- $1 account_id bigint  $2 after lane_id bigint  $3 limit integer
SELECT la.lane_id, la.shard, la.class, la.agent_id, ag.name AS agent_name, la.batch_id, b.name AS batch_name,
       pl.zones, pl.regions
FROM lane AS la
JOIN place AS pl USING (place_id)
JOIN agent AS ag USING (agent_id)
LEFT JOIN batch AS b ON b.batch_id = la.batch_id
WHERE la.account_id = $1 AND la.lane_id > $2
ORDER BY la.lane_id
LIMIT $3;
