-- settings_lock_account: the account with its settings, held until the transaction ends.
-- $1 account_id bigint
SELECT account_id, name, timezone, windows, live_after_hours, strict, max_concurrent, max_dials_per_s,
       frequency_caps, jitter_max_s, paused, pause_reason, created_at, updated_at
FROM account
WHERE account_id = $1
FOR NO KEY UPDATE;
