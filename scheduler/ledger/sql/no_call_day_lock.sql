-- no_call_day_lock: a no-call day as it is, held until the transaction ends.
-- $1 account_id bigint  $2 no_call_day_id bigint
SELECT no_call_day_id, date, label, regions, yearly, created_at, updated_at
FROM no_call_day
WHERE account_id = $1
  AND no_call_day_id = $2
FOR NO KEY UPDATE;
