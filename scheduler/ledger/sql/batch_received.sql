-- batch_received: names of the batches of an account that were received whole.
-- $1 account_id bigint
SELECT name FROM batch WHERE account_id = $1 AND status <> 'ingesting';
