-- key_lock: one change at a time of an account's keys. What is read of them by the next statement is what the change
-- before has left.
-- $1 account_id bigint
SELECT account_id FROM account WHERE account_id = $1 FOR NO KEY UPDATE;
