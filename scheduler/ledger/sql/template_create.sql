-- template_create: a template of the account's own.
-- $1 account_id bigint  $2 name text  $3 description text  $4 content json  $5 now timestamptz
INSERT INTO template (account_id, name, description, content, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $5)
RETURNING template_id;
