-- caller_id_pool_empty: take all numbers out of a pool.
-- $1 account_id bigint  $2 caller_id_pool_id bigint
DELETE FROM caller_id_member WHERE account_id = $1 AND caller_id_pool_id = $2;
