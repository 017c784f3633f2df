-- cadence_count: how many cadences an account has.
-- $1 account_id bigint  $2 statuses text[] (null: any)  $3 created tstzrange
SELECT count(*) AS count
FROM cadence
WHERE account_id = $1 AND ($2::text[] IS NULL OR status = ANY($2::text[])) AND created_at <@ $3::tstzrange;
