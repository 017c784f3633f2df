-- cadence_version_add: what a cadence says from now on, never changed again.
-- $1 account_id bigint  $2 cadence_id bigint  $3 version integer  $4 content json  $5 note text
-- $6 published_by text  $7 now timestamptz  $8 step_times json
INSERT INTO cadence_version (account_id, cadence_id, version, content, note, published_by, published_at, step_times)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
