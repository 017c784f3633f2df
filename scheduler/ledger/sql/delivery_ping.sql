-- delivery_ping: a delivery that only says hello; none unless the webhook is active.
-- $1 account_id bigint  $2 webhook_id bigint  $3 now timestamptz
WITH woken AS (
    UPDATE webhook
    SET next_at = least(next_at, $3)
    WHERE account_id = $1 AND webhook_id = $2 AND status = 'active'
    RETURNING webhook_id
)
INSERT INTO delivery (account_id, webhook_id, kind, types, after_seq, events, next_at, created_at, updated_at)
SELECT $1, webhook_id, 'ping', '{}', 0, 0, $3, $3, $3
FROM woken
RETURNING delivery_id;
