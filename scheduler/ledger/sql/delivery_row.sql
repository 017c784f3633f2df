-- delivery_row: one delivery of the account.
-- $1 account_id bigint  $2 delivery_id bigint
SELECT delivery_id, webhook_id, kind, after_seq, events, state, tries, next_at, tried_at, status, error, created_at,
       updated_at
FROM delivery
WHERE account_id = $1
  AND delivery_id = $2;
