-- audit_count: how many lines of the account's audit log match.
-- $1 account_id bigint  $2 actors text[]  $3 actions text[]  $4 object text (null: any)
-- $5 created tstzrange
SELECT count(*) AS count
FROM audit
WHERE account_id = $1
  AND ($2::text[] IS NULL OR actor = ANY($2::text[]))
  AND ($3::text[] IS NULL OR action = ANY($3::text[]))
  AND ($4::text IS NULL OR object = $4)
  AND at <@ $5::tstzrange;
