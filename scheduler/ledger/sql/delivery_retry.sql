-- delivery_retry: have a delivery sent at once, whatever became of it; none unless its webhook is active.
-- $1 account_id bigint  $2 delivery_id bigint  $3 now timestamptz
WITH woken AS (
    UPDATE webhook AS w
    SET next_at = least(w.next_at, $3)
    FROM delivery AS d
    WHERE d.account_id = $1 AND d.delivery_id = $2 AND w.webhook_id = d.webhook_id AND w.account_id = $1
      AND w.status = 'active'
    RETURNING d.delivery_id
)
UPDATE delivery AS d
SET state = 'pending', next_at = $3, updated_at = $3
FROM woken
WHERE d.delivery_id = woken.delivery_id
RETURNING d.webhook_id;
