-- lead_lock_many: leads of the account, locked in id order.
-- $1 account_id bigint  $2 lead_ids bigint[]
-- Rows: lead_id of those that are there
SELECT lead_id
FROM lead
WHERE account_id = $1
  AND lead_id = ANY($2::bigint[])
  AND erased_at IS NULL
ORDER BY lead_id
FOR UPDATE;
