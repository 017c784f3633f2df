-- batch_in_use: whether anything was ever brought into a batch, which is locked.
-- $1 account_id bigint  $2 batch_id bigint
SELECT EXISTS (SELECT FROM lead WHERE account_id = $1 AND batch_id = $2)
    OR EXISTS (SELECT FROM import WHERE batch_id = $2)
    OR EXISTS (SELECT FROM lane WHERE batch_id = $2 AND batch_id <> 0) AS used;
