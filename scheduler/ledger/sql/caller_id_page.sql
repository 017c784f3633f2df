-- caller_id_page: a page of the account's numbers with what each was used on the day; by id when ids are given.
-- $1 account_id bigint  $2 caller_id_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange  $7 day date
SELECT c.caller_id_id, c.phone, c.region, c.daily_cap, c.rest_until, c.status, c.created_at, c.updated_at,
       m.caller_id_pool_id, coalesce(u.used, 0) AS used_today
FROM caller_id AS c
LEFT JOIN caller_id_member AS m USING (caller_id_id)
LEFT JOIN caller_id_use AS u ON u.caller_id_id = c.caller_id_id AND u.day = $7
WHERE c.account_id = $1
  AND ($2::bigint[] IS NULL OR c.caller_id_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN c.caller_id_id < $3 ELSE c.caller_id_id > $3 END)
  AND c.created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -c.caller_id_id ELSE c.caller_id_id END
LIMIT $5;
