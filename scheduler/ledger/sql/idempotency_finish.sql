-- idempotency_finish: keep the reply for those who ask again.
-- $1 account_id bigint  $2 key text  $3 status integer  $4 body bytea  $5 now timestamptz
UPDATE idempotency
SET status = $3, body = $4, created_at = $5
WHERE account_id = $1
  AND key = $2
  AND status IS NULL;
