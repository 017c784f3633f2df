-- template_delete: a template of the account's own.
-- $1 account_id bigint  $2 template_id bigint
DELETE FROM template WHERE account_id = $1 AND template_id = $2 RETURNING name;
