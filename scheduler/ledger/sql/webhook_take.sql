-- webhook_take: lease webhooks that have something to send, those that have waited longest first; none of an account
-- that is suspended.
-- $1 now timestamptz  $2 wall timestamptz  $3 leased_until timestamptz  $4 limit integer
WITH busy AS (
    SELECT webhook_id
    FROM webhook AS w
    WHERE status = 'active'
      AND next_at <= $1
      AND leased_until <= $2
      AND NOT EXISTS (SELECT FROM account AS a WHERE a.account_id = w.account_id AND a.suspended_at IS NOT NULL)
      AND (replay_seq IS NOT NULL
           OR EXISTS (SELECT FROM news_head AS h WHERE h.account_id = w.account_id AND h.seq > w.seq)
           OR EXISTS (SELECT FROM delivery AS d
                      WHERE d.webhook_id = w.webhook_id AND d.state = 'pending' AND d.next_at <= $1))
    ORDER BY leased_until, webhook_id
    LIMIT $4
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE webhook AS w
SET leased_until = $3, takes = w.takes + 1
FROM busy
WHERE w.webhook_id = busy.webhook_id
RETURNING w.webhook_id, w.account_id, w.url, w.types, w.mode, w.secret, w.old_secret, w.old_secret_until, w.seq,
          w.replay_seq, w.replay_upto_seq, w.failures, w.failing_since, w.takes;
