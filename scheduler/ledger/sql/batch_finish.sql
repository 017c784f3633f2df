-- batch_finish: batches of which everything is over are done, and that is told; those that go on after all run again.
-- $1 batch_ids bigint[]  $2 now timestamptz
WITH live AS MATERIALIZED (
    SELECT DISTINCT batch_id
    FROM loop
    WHERE batch_id = ANY($1::bigint[]) AND status <> 'ended'
),
done AS (
    UPDATE batch AS b
    SET status = 'done', updated_at = $2
    WHERE b.batch_id = ANY($1::bigint[])
      AND b.status IN ('ingesting', 'running')
      AND EXISTS (SELECT FROM lead AS le WHERE le.account_id = b.account_id AND le.batch_id = b.batch_id)
      AND NOT EXISTS (SELECT FROM live AS l WHERE l.batch_id = b.batch_id)
      AND NOT EXISTS (SELECT FROM import AS i
                      WHERE i.batch_id = b.batch_id AND i.status IN ('receiving', 'processing'))
    RETURNING b.account_id, b.batch_id
),
again AS (
    UPDATE batch AS b
    SET status = 'running', updated_at = $2
    FROM live AS l
    WHERE b.batch_id = l.batch_id
      AND b.status = 'done'
)
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids)
SELECT account_id, 'batch.done', $2, array_agg(batch_id ORDER BY batch_id), '{}', array_agg(batch_id ORDER BY batch_id)
FROM done
GROUP BY account_id;
