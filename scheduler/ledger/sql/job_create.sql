-- job_create: a job that waits to be taken.
-- $1 account_id bigint  $2 kind text  $3 args json  $4 total bigint  $5 not_before timestamptz (wall time; null: at
-- once)  $6 now timestamptz
INSERT INTO job (account_id, kind, args, total, leased_until, created_at, updated_at)
VALUES ($1, $2, $3::text::json, $4, $5, $6, $6)
RETURNING job_id;
