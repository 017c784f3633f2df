-- closure_change: a closure anew, as a whole.
-- $1 account_id bigint  $2 closure_id bigint  $3 regions text[]  $4 starts_at timestamptz  $5 ends_at timestamptz
-- $6 reason text  $7 now timestamptz
UPDATE closure
SET regions = $3, starts_at = $4, ends_at = $5, reason = $6, updated_at = $7
WHERE account_id = $1
  AND closure_id = $2;
