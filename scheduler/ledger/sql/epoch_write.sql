-- epoch_write: the shard's next epoch. Returns when every arm that knew the last one has committed.
-- $1 lock integer: WHEEL_LOCK  $2 shard integer  $3 epoch text
WITH alone AS (SELECT count(pg_advisory_xact_lock($1::integer, $2::integer)))
INSERT INTO wheel_epoch (shard, epoch)
SELECT $2, $3
FROM alone
ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch;
