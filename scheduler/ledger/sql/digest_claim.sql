-- digest_claim: an account is told today who waits, once, whoever tells it.
-- $1 account_id bigint  $2 day date
-- Rows: account_id; none when it was told
UPDATE account
SET waiting_told_on = $2
WHERE account_id = $1
  AND (waiting_told_on IS NULL OR waiting_told_on < $2)
RETURNING account_id;
