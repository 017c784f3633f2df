-- no_call_day_change: a no-call day anew, as a whole.
-- $1 account_id bigint  $2 no_call_day_id bigint  $3 date date  $4 label text  $5 regions text[]  $6 yearly boolean
-- $7 now timestamptz
UPDATE no_call_day
SET date = $3, label = $4, regions = $5, yearly = $6, updated_at = $7
WHERE account_id = $1
  AND no_call_day_id = $2;
