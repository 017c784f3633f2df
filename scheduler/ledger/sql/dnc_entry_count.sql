-- dnc_entry_count: how many phones the account never calls, or how many a list has.
-- $1 account_id bigint  $2 dnc_list_id bigint (null: all)
SELECT CASE WHEN $2::bigint IS NULL THEN (SELECT count(*) FROM suppression WHERE account_id = $1)
            ELSE (SELECT count(*) FROM dnc_member WHERE account_id = $1 AND dnc_list_id = $2) END AS count;
