-- key_change: its name, scopes or end; a key that was revoked stays as it is.
-- $1 account_id bigint  $2 number bigint  $3 name text  $4 scopes text[]  $5 expires_at timestamptz
-- $6 now timestamptz
-- Rows: number if the account has such a key that is not revoked
UPDATE api_key
SET name = $3, scopes = $4, expires_at = $5, changed_at = $6
WHERE account_id = $1
  AND number = $2
  AND revoked_at IS NULL
RETURNING number;
