-- import_give_up: nothing came of this file since it was looked at, and that is told; its batch runs with what is in,
-- unless it was paused or canceled meanwhile.
-- $1 import_id bigint  $2 bytes bigint  $3 rows bigint (both as they were)  $4 now timestamptz
-- Rows: import_id, none where something came after all
WITH ended AS (
    UPDATE import
    SET status = 'failed', finished_at = $4
    WHERE import_id = $1
      AND status = 'receiving'
      AND bytes = $2
      AND rows = $3
    RETURNING account_id, import_id, batch_id
),
told AS (
    INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids)
    SELECT account_id, 'import.done', $4, ARRAY[import_id], '{}', ARRAY[batch_id]
    FROM ended
),
running AS (
    UPDATE batch AS b
    SET status = 'running', updated_at = $4
    FROM ended AS e
    WHERE b.batch_id = e.batch_id
      AND b.status = 'ingesting'
)
SELECT import_id
FROM ended;
