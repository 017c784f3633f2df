-- export_create: a file that a job is to write.
-- $1 account_id bigint  $2 export_id bigint  $3 job_id bigint  $4 kind text  $5 format text  $6 filter text  $7 name text
-- $8 now timestamptz  $9 expires_at timestamptz  $10 most integer
-- Rows: export_id; none when the account keeps `most` already
INSERT INTO export (account_id, export_id, job_id, kind, format, filter, name, created_at, updated_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6::text::json, $7, $8, $8, $9
WHERE (SELECT count(*) FROM export WHERE account_id = $1 AND expires_at > $8) < $10
RETURNING export_id;
