-- cadence_create: a cadence that is a draft.
-- $1 account_id bigint  $2 name text  $3 description text  $4 draft json  $5 now timestamptz
-- $6 step_times json
INSERT INTO cadence (account_id, name, description, draft, created_at, updated_at, step_times)
VALUES ($1, $2, $3, $4, $5, $5, $6)
RETURNING cadence_id;
