-- template_page: a page of the account's own templates; by id when template_ids are given.
-- $1 account_id bigint  $2 template_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT template_id, name, description, content, version, created_at, updated_at
FROM template
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR template_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN template_id < $3 ELSE template_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -template_id ELSE template_id END
LIMIT $5;
