-- caller_id_create: a new number to call from.
-- $1 account_id bigint  $2 phone text  $3 region text  $4 daily_cap integer  $5 rest_until timestamptz
-- $6 status text  $7 now timestamptz
INSERT INTO caller_id (account_id, phone, region, daily_cap, rest_until, status, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
RETURNING caller_id_id;
