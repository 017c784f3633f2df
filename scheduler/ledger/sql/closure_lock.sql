-- closure_lock: a closure as it is, held until the transaction ends.
-- $1 account_id bigint  $2 closure_id bigint
SELECT closure_id, regions, starts_at, ends_at, reason, created_at, updated_at
FROM closure
WHERE account_id = $1
  AND closure_id = $2
FOR NO KEY UPDATE;
