-- batch_change: another name and another pace for a batch that is not over, locked by batch_lock.
-- $1 batch_id bigint  $2 name text  $3 throttle text (JSON)  $4 now timestamptz
UPDATE batch
SET name = $2, throttle = $3::json, updated_at = $4
WHERE batch_id = $1
  AND status IN ('ingesting', 'running', 'paused');
