-- import_count: how many imports match.
-- $1 account_id bigint  $2 statuses text[]  $3 batch_ids bigint[] (each null: any)  $4 created tstzrange
SELECT count(*) AS count
FROM import
WHERE account_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2::text[]))
  AND ($3::bigint[] IS NULL OR batch_id = ANY($3::bigint[]))
  AND started_at <@ $4::tstzrange;
