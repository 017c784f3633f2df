-- cadence_lock: nobody else changes the cadence until the transaction ends. What is read of it by the next statement is
-- what the change before has left.
-- $1 account_id bigint  $2 cadence_id bigint
SELECT cadence_id FROM cadence WHERE account_id = $1 AND cadence_id = $2 FOR NO KEY UPDATE;
