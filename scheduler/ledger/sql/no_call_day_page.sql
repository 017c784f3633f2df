-- no_call_day_page: a page of the account's no-call days; by id when ids are given.
-- $1 account_id bigint  $2 no_call_day_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT no_call_day_id, date, label, regions, yearly, created_at, updated_at
FROM no_call_day
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR no_call_day_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN no_call_day_id < $3 ELSE no_call_day_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -no_call_day_id ELSE no_call_day_id END
LIMIT $5;
