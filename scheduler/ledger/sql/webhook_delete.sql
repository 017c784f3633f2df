-- webhook_delete: remove a webhook with its deliveries.
-- $1 account_id bigint  $2 webhook_id bigint
DELETE FROM webhook
WHERE account_id = $1
  AND webhook_id = $2;
