-- dnc_entry_count: how many phones the account never calls, or how many a list has.
-- $1 account_id bigint  $2 dnc_list_id bigint (null: all)  $3 created tstzrange
SELECT CASE WHEN $2::bigint IS NULL
            THEN (SELECT count(*) FROM suppression WHERE account_id = $1 AND created_at <@ $3::tstzrange)
            WHEN lower_inf($3) AND upper_inf($3)
            THEN (SELECT count(*) FROM dnc_member WHERE account_id = $1 AND dnc_list_id = $2)
            ELSE (SELECT count(*)
                  FROM dnc_member AS m
                  JOIN suppression AS s USING (account_id, phone)
                  WHERE m.account_id = $1 AND m.dnc_list_id = $2 AND s.created_at <@ $3) END AS count;
