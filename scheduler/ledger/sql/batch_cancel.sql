-- batch_cancel: a batch, locked by batch_lock, is over for good.
-- $1 batch_id bigint  $2 now timestamptz
UPDATE batch
SET status = 'canceled', pauses = pauses + 1, pause_reason = NULL, updated_at = $2
WHERE batch_id = $1
  AND status IN ('ingesting', 'running', 'paused');
