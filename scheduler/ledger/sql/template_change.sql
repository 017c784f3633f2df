-- template_change: all that a template says, if nobody changed it since that version.
-- $1 account_id bigint  $2 template_id bigint  $3 version bigint  $4 name text  $5 description text
-- $6 content json  $7 now timestamptz
-- Rows: template_id when it was changed
UPDATE template
SET name = $4, description = $5, content = $6, version = version + 1, updated_at = $7
WHERE account_id = $1 AND template_id = $2 AND version = $3
RETURNING template_id;
