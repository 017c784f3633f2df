-- dnc_list_change: its name and source.
-- $1 account_id bigint  $2 dnc_list_id bigint  $3 name text  $4 source text  $5 now timestamptz
-- Rows: dnc_list_id if the account has it
UPDATE dnc_list
SET name = $3, source = $4, updated_at = $5
WHERE account_id = $1 AND dnc_list_id = $2
RETURNING dnc_list_id;
