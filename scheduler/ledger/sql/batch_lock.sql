-- batch_lock: a batch as it stands, locked for a change.
-- $1 account_id bigint  $2 batch_id bigint
SELECT batch_id, agent_id, name, throttle, status
FROM batch
WHERE account_id = $1
  AND batch_id = $2
FOR NO KEY UPDATE;
