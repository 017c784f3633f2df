-- dnc_list_delete: a list that is empty.
-- $1 account_id bigint  $2 dnc_list_id bigint
DELETE FROM dnc_list WHERE account_id = $1 AND dnc_list_id = $2;
