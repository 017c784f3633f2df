-- lane_all: every lane, for the shaping after a rebuild and at start.
SELECT lane_id, shard, account_id, agent_id, class, batch_id, place_id FROM lane ORDER BY lane_id;
