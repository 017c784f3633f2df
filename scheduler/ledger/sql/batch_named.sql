-- batch_named: whether the account has a batch of that name.
-- $1 account_id bigint  $2 name text
SELECT batch_id FROM batch WHERE account_id = $1 AND name = $2;
