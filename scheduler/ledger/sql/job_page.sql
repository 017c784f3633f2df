-- job_page: a page of the account's jobs; by id when job_ids are given.
-- $1 account_id bigint  $2 job_ids bigint[] (null: all)  $3 kinds text[] (null: all)  $4 statuses text[] (null: all)
-- $5 after bigint (null: from the start)  $6 descending boolean  $7 limit integer  $8 created tstzrange
SELECT job_id, kind, status, done, total, error, started_at, finished_at, created_at, updated_at
FROM job
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR job_id = ANY($2::bigint[]))
  AND ($3::text[] IS NULL OR kind = ANY($3::text[]))
  AND ($4::text[] IS NULL OR status = ANY($4::text[]))
  AND ($5::bigint IS NULL OR CASE WHEN $6::boolean THEN job_id < $5 ELSE job_id > $5 END)
  AND created_at <@ $8::tstzrange
ORDER BY CASE WHEN $6::boolean THEN -job_id ELSE job_id END
LIMIT $7;
