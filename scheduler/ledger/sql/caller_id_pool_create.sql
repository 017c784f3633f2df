-- caller_id_pool_create: a new pool, empty.
-- $1 account_id bigint  $2 name text  $3 strategy text  $4 now timestamptz
INSERT INTO caller_id_pool (account_id, name, strategy, created_at, updated_at)
VALUES ($1, $2, $3, $4, $4)
RETURNING caller_id_pool_id;
