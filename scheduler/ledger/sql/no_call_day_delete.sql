-- no_call_day_delete: take a no-call day away.
-- $1 account_id bigint  $2 no_call_day_id bigint
DELETE FROM no_call_day
WHERE account_id = $1
  AND no_call_day_id = $2;
