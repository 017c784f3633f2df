-- batch_lanes: the lanes of a batch.
-- $1 batch_id bigint
SELECT lane_id, shard, class, place_id FROM lane WHERE batch_id = $1 AND batch_id <> 0 ORDER BY lane_id;
