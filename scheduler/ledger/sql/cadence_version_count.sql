-- cadence_version_count: how many versions a cadence has.
-- $1 account_id bigint  $2 cadence_id bigint  $3 created tstzrange
SELECT count(*) AS count
FROM cadence_version
WHERE account_id = $1 AND cadence_id = $2 AND published_at <@ $3::tstzrange;
