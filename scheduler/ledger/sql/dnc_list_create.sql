-- dnc_list_create: a new list, empty.
-- $1 account_id bigint  $2 name text  $3 source text  $4 now timestamptz
INSERT INTO dnc_list (account_id, name, source, created_at, updated_at)
VALUES ($1, $2, $3, $4, $4)
RETURNING dnc_list_id;
