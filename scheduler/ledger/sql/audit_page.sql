-- audit_page: a page of the account's audit log.
-- $1 account_id bigint  $2 after bigint (null: from the start)  $3 descending boolean  $4 limit integer
-- $5 created tstzrange
-- $6 actors text[]  $7 actions text[]  $8 object text (null: any)
SELECT audit_id, actor, action, object, before, after, request_id, at, address
FROM audit
WHERE account_id = $1
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN audit_id < $2 ELSE audit_id > $2 END)
  AND ($6::text[] IS NULL OR actor = ANY($6::text[]))
  AND ($7::text[] IS NULL OR action = ANY($7::text[]))
  AND ($8::text IS NULL OR object = $8)
  AND at <@ $5::tstzrange
ORDER BY CASE WHEN $3 THEN audit_id END DESC, CASE WHEN NOT $3 THEN audit_id END
LIMIT $4;
