-- import_end: the file is over, and that is told; its batch runs, unless it was paused or canceled meanwhile.
-- $1 import_id bigint  $2 status text  $3 bytes bigint  $4 now timestamptz
-- $5 trouble text  $6 resume_row bigint (both null where nothing broke it off)
-- Rows: account_id, status as it was, job_id; none when it was over already
WITH was AS (
    SELECT import_id, status
    FROM import
    WHERE import_id = $1 AND status IN ('receiving', 'processing')
    FOR UPDATE
),
ended AS (
    UPDATE import AS i
    SET status = $2, bytes = greatest(i.bytes, $3), finished_at = $4, trouble = $5, resume_row = $6
    FROM was
    WHERE i.import_id = was.import_id
      AND i.status IN ('receiving', 'processing')
    RETURNING i.account_id, i.import_id, i.batch_id, i.job_id, was.status
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
SELECT account_id, status, job_id
FROM ended;
