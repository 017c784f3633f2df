-- webhook_count: how many webhooks an account has.
-- $1 account_id bigint
SELECT count(*) AS count
FROM webhook
WHERE account_id = $1;
