-- key_lock: one change at a time of an account's keys; how many others of them hold every scope.
-- $1 account_id bigint  $2 number bigint  $3 now timestamptz
-- Rows: admins, those that never expire or do later
WITH locked AS (
    SELECT account_id FROM account WHERE account_id = $1 FOR NO KEY UPDATE
)
SELECT (
    SELECT count(*) FROM api_key AS k
    WHERE k.account_id = locked.account_id
      AND k.number <> $2
      AND 'admin' = ANY(k.scopes)
      AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > $3)
) AS admins
FROM locked;
