-- cadence_apply: loops that run an older version go over to the latest.
-- $1 account_id bigint  $2 cadence_id bigint  $3 now timestamptz
UPDATE cadence
SET applied_version = version, updated_at = $3
WHERE account_id = $1 AND cadence_id = $2 AND applied_version < version;
