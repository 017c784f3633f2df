-- lane_reshard: every lane lies where the installation's number of shards says.
-- Rows: lane_id of those that were elsewhere
UPDATE lane AS l
SET shard = l.account_id % i.shards
FROM installation AS i
WHERE l.shard <> l.account_id % i.shards
RETURNING l.lane_id;
