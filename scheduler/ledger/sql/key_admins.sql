-- key_admins: how many of the account's keys but one hold every scope, and never expire or do later.
-- $1 account_id bigint  $2 number bigint: the one  $3 now timestamptz
-- Rows: admins
SELECT count(*) AS admins
FROM api_key
WHERE account_id = $1
  AND number <> $2
  AND 'admin' = ANY(scopes)
  AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > $3);
