-- callback_due: the time of callbacks has come; of those whose loop is over it is known now that they are not made.
-- $1 now timestamptz  $2 limit integer
-- Rows: callback_id, account_id, lead_id, status
WITH due AS MATERIALIZED (
    SELECT callback_id
    FROM callback
    WHERE status = 'scheduled'
      AND at <= $1
    ORDER BY at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE callback AS cb
SET status = CASE WHEN lo.status = 'ended' THEN 'canceled' ELSE 'due' END, updated_at = $1
FROM due, loop AS lo
WHERE cb.callback_id = due.callback_id
  AND lo.loop_id = cb.loop_id
  AND cb.status = 'scheduled'
RETURNING cb.callback_id, cb.account_id, cb.lead_id, cb.status;
