-- webhook_secret: another secret; the one before signs too until then, if that is given, and so do those that still did.
-- They stand one behind the other, the newest first, each as long as any. Whoever holds the webhook's lease loses it, so
-- that it holds from the next round on.
-- $1 account_id bigint  $2 webhook_id bigint  $3 secret bytea  $4 until timestamptz (null: they end now)
-- $5 now timestamptz  $6 wall timestamptz  $7 most old secrets int
UPDATE webhook
SET secret = $3,
    old_secret = CASE
        WHEN $4::timestamptz IS NULL THEN NULL
        WHEN old_secret_until > $6 THEN substr(secret || old_secret, 1, $7::int * octet_length(secret))
        ELSE secret
    END,
    old_secret_until = $4,
    takes = takes + 1,
    leased_until = '-infinity',
    updated_at = $5
WHERE account_id = $1
  AND webhook_id = $2
RETURNING webhook_id;
