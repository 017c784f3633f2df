-- cadence_delete: with its versions, if no lead was ever enrolled in it.
-- $1 account_id bigint  $2 cadence_id bigint
-- Rows: name when it was removed
DELETE FROM cadence WHERE account_id = $1 AND cadence_id = $2 AND NOT used RETURNING name;
