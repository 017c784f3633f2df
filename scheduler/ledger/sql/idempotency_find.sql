-- idempotency_find: the request that has this key.
-- $1 account_id bigint  $2 key text
SELECT request_hash, status, body FROM idempotency WHERE account_id = $1 AND key = $2;
