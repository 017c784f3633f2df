-- dnc_list_page: a page of the account's lists; by id when dnc_list_ids are given.
-- $1 account_id bigint  $2 dnc_list_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT dnc_list_id, name, source, entries, created_at, updated_at
FROM dnc_list
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR dnc_list_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN dnc_list_id < $3 ELSE dnc_list_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -dnc_list_id ELSE dnc_list_id END
LIMIT $5;
