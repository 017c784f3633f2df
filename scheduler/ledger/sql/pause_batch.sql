-- pause_batch: stop all dialing of a batch that is not over.
-- $1 account_id bigint  $2 batch_id bigint  $3 reason text  $4 now timestamptz
-- Rows: paused and pause_reason as they were; none for one that is over
UPDATE batch AS b
SET status = 'paused', pause_reason = $3, pauses = b.pauses + 1, updated_at = $4
FROM (SELECT batch_id, status = 'paused' AS paused, pause_reason FROM batch
      WHERE account_id = $1 AND batch_id = $2 FOR NO KEY UPDATE) AS was
WHERE b.batch_id = was.batch_id
  AND b.status IN ('ingesting', 'running', 'paused')
RETURNING was.paused, was.pause_reason;
