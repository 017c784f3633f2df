-- dnc_list_ensure: the list of that name, made if there is none.
-- $1 account_id bigint  $2 name text  $3 now timestamptz
INSERT INTO dnc_list (account_id, name, created_at, updated_at)
VALUES ($1, $2, $3, $3)
ON CONFLICT (account_id, name) DO UPDATE SET name = excluded.name
RETURNING dnc_list_id, xmax = 0 AS made;
