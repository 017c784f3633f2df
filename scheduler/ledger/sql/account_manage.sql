-- account_manage: what the operator says of an account; its own account is never suspended.
-- $1 account_id bigint  $2 name text  $3 suspended boolean  $4 now timestamptz
-- Rows: the account as it was
WITH was AS (
    SELECT account_id, name, operator, suspended_at FROM account WHERE account_id = $1 FOR UPDATE
)
UPDATE account AS a
SET name = $2,
    suspended_at = CASE WHEN $3 AND NOT was.operator THEN coalesce(was.suspended_at, $4) END,
    updated_at = $4
FROM was
WHERE a.account_id = was.account_id
RETURNING was.name, was.operator, was.suspended_at;
