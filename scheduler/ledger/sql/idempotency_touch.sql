-- idempotency_touch: the request under way says that it still is.
-- $1 account_id bigint  $2 key text  $3 now timestamptz
UPDATE idempotency SET created_at = $3 WHERE account_id = $1 AND key = $2 AND status IS NULL;
