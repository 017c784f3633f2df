-- dnc_list_piece: some of the phones that a list has.
-- $1 account_id bigint  $2 dnc_list_id bigint  $3 most integer
SELECT phone FROM dnc_member WHERE account_id = $1 AND dnc_list_id = $2 ORDER BY phone LIMIT $3;
