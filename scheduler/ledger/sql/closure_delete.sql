-- closure_delete: lift a closure.
-- $1 account_id bigint  $2 closure_id bigint
DELETE FROM closure
WHERE account_id = $1
  AND closure_id = $2;
