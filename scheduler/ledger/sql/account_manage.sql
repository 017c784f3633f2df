-- account_manage: what the operator says of an account; its own account is never suspended.
-- $1 account_id bigint  $2 name text  $3 suspended boolean  $4 now timestamptz  $5 simulated boolean
-- Who may be called hangs on the last one: what was planned before it is planned anew.
-- Rows: the account as it was
WITH was AS (
    SELECT account_id, name, operator, suspended_at, simulated FROM account WHERE account_id = $1 FOR UPDATE
), replanned AS (
    UPDATE agent AS ag
    SET policy_version = ag.policy_version + 1
    FROM was
    WHERE ag.account_id = was.account_id AND was.simulated <> $5
)
UPDATE account AS a
SET name = $2,
    suspended_at = CASE WHEN $3 AND NOT was.operator THEN coalesce(was.suspended_at, $4) END,
    simulated = $5,
    updated_at = $4
FROM was
WHERE a.account_id = was.account_id
RETURNING was.name, was.operator, was.suspended_at;
