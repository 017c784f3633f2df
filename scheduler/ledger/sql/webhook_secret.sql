-- webhook_secret: another secret; the one before signs too until then, if that is given. Whoever holds the webhook's
-- lease loses it, so that it holds from the next round on.
-- $1 account_id bigint  $2 webhook_id bigint  $3 secret bytea  $4 until timestamptz (null: it ends now)
-- $5 now timestamptz
UPDATE webhook
SET secret = $3,
    old_secret = CASE WHEN $4::timestamptz IS NULL THEN NULL ELSE secret END,
    old_secret_until = $4,
    takes = takes + 1,
    leased_until = '-infinity',
    updated_at = $5
WHERE account_id = $1
  AND webhook_id = $2
RETURNING webhook_id;
