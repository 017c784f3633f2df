-- batch_delete: a batch, locked, that was never used.
-- $1 account_id bigint  $2 batch_id bigint
DELETE FROM batch
WHERE account_id = $1
  AND batch_id = $2;
