-- key_create: an API key; of its secret only a keyed hash is kept.
-- $1 key_id text  $2 account_id bigint  $3 name text  $4 environment text  $5 secret_hash bytea
-- $6 scopes text[]  $7 now timestamptz  $8 expires_at timestamptz  $9 created_by text
-- Rows: its number
INSERT INTO api_key (key_id, account_id, name, environment, secret_hash, scopes, created_at, expires_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING number;
