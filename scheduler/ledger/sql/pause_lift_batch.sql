-- pause_lift_batch: restart a batch's dialing, unless somebody paused or resumed it since it was read.
-- $1 account_id bigint  $2 batch_id bigint  $3 pauses bigint  $4 now timestamptz
-- Rows: version if this call lifted the pause
UPDATE batch AS b
SET status = CASE WHEN EXISTS (SELECT FROM import AS i
                               WHERE i.batch_id = b.batch_id AND i.status IN ('receiving', 'processing'))
                  THEN 'ingesting' ELSE 'running' END,
    pause_reason = NULL, pauses = b.pauses + 1, updated_at = $4
WHERE b.account_id = $1
  AND b.batch_id = $2
  AND b.status = 'paused'
  AND b.pauses = $3
RETURNING b.pauses AS version;
