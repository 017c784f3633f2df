-- cadence_page: a page of the account's cadences; by id when cadence_ids are given.
-- $1 account_id bigint  $2 cadence_ids bigint[] (null: all)  $3 statuses text[] (null: any)
-- $4 after bigint (null: from the start)  $5 descending boolean  $6 limit integer  $7 created tstzrange
SELECT cadence_id, name, description, status, version, draft, draft_version, draft_dirty, step_times,
       created_at, updated_at
FROM cadence
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR cadence_id = ANY($2::bigint[]))
  AND ($3::text[] IS NULL OR status = ANY($3::text[]))
  AND ($4::bigint IS NULL OR CASE WHEN $5::boolean THEN cadence_id < $4 ELSE cadence_id > $4 END)
  AND created_at <@ $7::tstzrange
ORDER BY CASE WHEN $5::boolean THEN -cadence_id ELSE cadence_id END
LIMIT $6;
