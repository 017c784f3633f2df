-- cadence_version_page: a cadence's versions; one when it is given.
-- $1 account_id bigint  $2 cadence_id bigint  $3 version integer (null: all)  $4 after integer (null: from the start)
-- $5 descending boolean  $6 limit integer  $7 created tstzrange
SELECT cadence_version_id, version, content, note, published_by, published_at, step_times, published_at AS created_at,
       published_at AS updated_at
FROM cadence_version
WHERE account_id = $1 AND cadence_id = $2
  AND ($3::integer IS NULL OR version = $3)
  AND ($4::integer IS NULL OR CASE WHEN $5::boolean THEN version < $4 ELSE version > $4 END)
  AND published_at <@ $7::tstzrange
ORDER BY CASE WHEN $5::boolean THEN -version ELSE version END
LIMIT $6;
