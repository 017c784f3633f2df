-- caller_id_delete: a number that is in no pool.
-- $1 account_id bigint  $2 caller_id_id bigint
DELETE FROM caller_id WHERE account_id = $1 AND caller_id_id = $2 RETURNING phone;
