-- cadence_names: cadences of an account by number or, but for archived ones, by name.
-- $1 account_id bigint  $2 cadence_ids bigint[]  $3 names text[]
SELECT cadence_id, name, status
FROM cadence
WHERE account_id = $1 AND (cadence_id = ANY($2::bigint[]) OR (name = ANY($3::text[]) AND status <> 'archived'));
