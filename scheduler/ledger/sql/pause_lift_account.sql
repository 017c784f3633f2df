-- pause_lift_account: restart dialing, unless the account was changed since it was read.
-- $1 account_id bigint  $2 id bigint (the same)  $3 version bigint  $4 now timestamptz
-- Rows: version if this call lifted the pause
UPDATE account
SET paused = false, pause_reason = NULL, version = version + 1, updated_at = $4
WHERE account_id = $1
  AND account_id = $2
  AND paused
  AND version = $3
RETURNING version;
