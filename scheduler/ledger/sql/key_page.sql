-- key_page: a page of the account's keys, revoked ones too; by number when numbers are given.
-- $1 account_id bigint  $2 numbers bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT number, key_id, name, environment, scopes, created_at, coalesce(changed_at, created_at) AS updated_at, created_by,
       expires_at, revoked_at, last_used_at
FROM api_key
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR number = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN number < $3 ELSE number > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -number ELSE number END
LIMIT $5;
