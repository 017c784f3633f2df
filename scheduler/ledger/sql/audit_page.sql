-- audit_page: a page of the account's audit log.
-- $1 account_id bigint  $2 after bigint (null: from the start)  $3 descending boolean  $4 limit integer
-- $5 actors text[]  $6 actions text[]  $7 object text  $8 from timestamptz  $9 until timestamptz (null: any)
SELECT audit_id, actor, action, object, before, after, request_id, at, address
FROM audit
WHERE account_id = $1
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN audit_id < $2 ELSE audit_id > $2 END)
  AND ($5::text[] IS NULL OR actor = ANY($5::text[]))
  AND ($6::text[] IS NULL OR action = ANY($6::text[]))
  AND ($7::text IS NULL OR object = $7)
  AND ($8::timestamptz IS NULL OR at >= $8)
  AND ($9::timestamptz IS NULL OR at < $9)
ORDER BY CASE WHEN $3::boolean THEN -audit_id ELSE audit_id END
LIMIT $4;
