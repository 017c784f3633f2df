-- cadence_current: where an account's cadence stands.
-- $1 account_id bigint  $2 cadence_id bigint
SELECT status, version FROM cadence WHERE account_id = $1 AND cadence_id = $2;
