-- idempotency_begin: take a key for a request. Takes over what is older than its keeping, and what was begun
-- and left: its process does not say any more that it is at work.
-- $1 account_id bigint  $2 key text  $3 request_hash bytea  $4 now timestamptz
-- $5 kept_since timestamptz  $6 alive_since timestamptz
-- Rows: key if this request has it now
INSERT INTO idempotency AS i (account_id, key, request_hash, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, key) DO UPDATE
SET request_hash = excluded.request_hash, status = NULL, body = NULL, created_at = excluded.created_at
WHERE i.created_at < $5
   OR (i.status IS NULL AND i.created_at < $6 AND i.request_hash = excluded.request_hash)
RETURNING i.key;
