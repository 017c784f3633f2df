-- account_delete: an account that has nothing: no leads, no agents, no lists. Its keys go with it.
-- $1 account_id bigint
-- Rows: account_id if it is gone
WITH keys AS (
    DELETE FROM api_key
    WHERE account_id = $1
      AND NOT EXISTS (SELECT FROM lead WHERE account_id = $1)
      AND NOT EXISTS (SELECT FROM agent WHERE account_id = $1)
      AND NOT EXISTS (SELECT FROM suppression WHERE account_id = $1)
)
DELETE FROM account
WHERE account_id = $1
  AND NOT operator
  AND NOT EXISTS (SELECT FROM lead WHERE account_id = $1)
  AND NOT EXISTS (SELECT FROM agent WHERE account_id = $1)
  AND NOT EXISTS (SELECT FROM suppression WHERE account_id = $1)
RETURNING account_id;
