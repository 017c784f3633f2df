-- import_count: how many imports match; the parameters are those of read_import.
-- $1 account_id bigint  $2 statuses text[]  $3 batch_ids bigint[]  $4 from timestamptz  $5 until timestamptz
SELECT count(*) AS count
FROM import
WHERE account_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2::text[]))
  AND ($3::bigint[] IS NULL OR batch_id = ANY($3::bigint[]))
  AND ($4::timestamptz IS NULL OR started_at >= $4)
  AND ($5::timestamptz IS NULL OR started_at < $5);
