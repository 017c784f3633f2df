-- key_revoke: a key is never used again; the first instant stays.
-- $1 account_id bigint  $2 key_id text  $3 now timestamptz
-- Rows: key_id if the account has such a key
UPDATE api_key
SET revoked_at = coalesce(revoked_at, $3), changed_at = CASE WHEN revoked_at IS NULL THEN $3 ELSE changed_at END
WHERE account_id = $1
  AND key_id = $2
RETURNING key_id;
