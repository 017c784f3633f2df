-- pause_lift: restart dialing, unless the account was changed since it was read.
-- $1 account_id bigint  $2 version bigint  $3 now timestamptz
-- Rows: version if this call lifted the pause
UPDATE account
SET paused = false, pause_reason = NULL, version = version + 1, updated_at = $3
WHERE account_id = $1
  AND paused
  AND version = $2
RETURNING version;
