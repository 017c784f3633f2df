-- trunk_delete: a trunk that no agent uses.
-- $1 account_id bigint  $2 trunk_id bigint
DELETE FROM trunk WHERE account_id = $1 AND trunk_id = $2 RETURNING name;
