-- idempotency_purge: drop what nobody may ask for any more.
-- $1 kept_since timestamptz
DELETE FROM idempotency WHERE created_at < $1;
