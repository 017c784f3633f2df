-- idempotency_forget: a request that failed in a way worth trying again leaves no trace.
-- $1 account_id bigint  $2 key text
DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND status IS NULL;
