-- webhook_lock: a webhook, held until the transaction ends.
-- $1 account_id bigint  $2 webhook_id bigint
SELECT webhook_id, url, types, mode, status, disabled_at, disabled_reason, old_secret_until, failing_since, replay_seq,
       created_at, updated_at
FROM webhook
WHERE account_id = $1
  AND webhook_id = $2
FOR NO KEY UPDATE;
