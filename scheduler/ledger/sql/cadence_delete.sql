-- cadence_delete: with its versions, from one of the states in which nobody can be enrolled.
-- $1 account_id bigint  $2 cadence_id bigint
-- Rows: name when it was removed
DELETE FROM cadence
WHERE account_id = $1 AND cadence_id = $2 AND status IN ('draft', 'archived')
RETURNING name;
