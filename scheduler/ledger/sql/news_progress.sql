-- news_progress: tell of batches on which something happened, each once in a while.
-- $1 batch_ids bigint[]  $2 told before, timestamptz (wall time): those may be told again  $3 wall timestamptz
-- $4 now timestamptz
-- Rows: batch_id of those told
WITH told AS (
    UPDATE batch
    SET progress_told_at = $3
    WHERE batch_id = ANY($1::bigint[])
      AND (progress_told_at IS NULL OR progress_told_at <= $2)
    RETURNING account_id, batch_id
),
written AS (
    INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids)
    SELECT account_id, 'batch.progress', $4, array_agg(batch_id ORDER BY batch_id), '{}',
           array_agg(batch_id ORDER BY batch_id)
    FROM told
    GROUP BY account_id
)
SELECT batch_id FROM told;
