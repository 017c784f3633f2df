-- caller_id_pool_delete: a pool that no agent uses; its numbers stay.
-- $1 account_id bigint  $2 caller_id_pool_id bigint
DELETE FROM caller_id_pool WHERE account_id = $1 AND caller_id_pool_id = $2 RETURNING name;
