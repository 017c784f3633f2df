-- import_end: the file is over, and that is told; its batch runs, unless it was paused or canceled meanwhile.
-- $1 import_id bigint  $2 status text  $3 bytes bigint  $4 now timestamptz
WITH ended AS (
    UPDATE import
    SET status = $2, bytes = greatest(bytes, $3), finished_at = $4
    WHERE import_id = $1
      AND status = 'receiving'
    RETURNING account_id, import_id, batch_id
),
told AS (
    INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids)
    SELECT account_id, 'import.done', $4, ARRAY[import_id], '{}', ARRAY[batch_id]
    FROM ended
)
UPDATE batch AS b
SET status = 'running', updated_at = $4
FROM ended AS e
WHERE b.batch_id = e.batch_id
  AND b.status = 'ingesting';
