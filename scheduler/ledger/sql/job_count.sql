-- job_count: how many jobs the account has.
-- $1 account_id bigint  $2 kinds text[] (null: all)  $3 statuses text[] (null: all)  $4 created tstzrange
SELECT count(*) AS count
FROM job
WHERE account_id = $1
  AND ($2::text[] IS NULL OR kind = ANY($2::text[]))
  AND ($3::text[] IS NULL OR status = ANY($3::text[]))
  AND created_at <@ $4::tstzrange;
