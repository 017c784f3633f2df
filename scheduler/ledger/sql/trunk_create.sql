-- trunk_create: a new trunk.
-- $1 account_id bigint  $2 name text  $3 max_concurrent integer  $4 max_dials_per_s double precision
-- $5 paused boolean  $6 now timestamptz
INSERT INTO trunk (account_id, name, max_concurrent, max_dials_per_s, paused, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
RETURNING trunk_id;
