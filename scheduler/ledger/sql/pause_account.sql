-- pause_account: stop all dialing of an account.
-- $1 account_id bigint  $2 id bigint (the same)  $3 reason text  $4 now timestamptz
-- Rows: paused and pause_reason as they were
UPDATE account AS a
SET paused = true, pause_reason = $3, version = a.version + 1, updated_at = $4
FROM (SELECT account_id, paused, pause_reason FROM account
      WHERE account_id = $1 AND account_id = $2 FOR NO KEY UPDATE) AS was
WHERE a.account_id = was.account_id
RETURNING was.paused, was.pause_reason;
