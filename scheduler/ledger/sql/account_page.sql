-- account_page: a page of all accounts of the installation; by id when account_ids are given.
-- $1 account_ids bigint[] (null: all)  $2 after bigint (null: from the start)  $3 descending boolean
-- $4 limit integer  $5 created tstzrange
SELECT account_id, name, timezone, windows, live_after_hours, strict, max_concurrent, max_dials_per_s,
       frequency_caps, jitter_max_s, paused, pause_reason, operator, suspended_at, simulated, created_at, updated_at
FROM account
WHERE ($1::bigint[] IS NULL OR account_id = ANY($1::bigint[]))
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN account_id < $2 ELSE account_id > $2 END)
  AND created_at <@ $5::tstzrange
ORDER BY CASE WHEN $3::boolean THEN -account_id ELSE account_id END
LIMIT $4;
