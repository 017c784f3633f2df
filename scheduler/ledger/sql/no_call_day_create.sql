-- no_call_day_create: a day without calls, if the account does not have `most` of them.
-- $1 account_id bigint  $2 date date  $3 label text  $4 regions text[]  $5 yearly boolean  $6 now timestamptz
-- $7 most integer
-- Rows: no_call_day_id; none when there are too many
INSERT INTO no_call_day (account_id, date, label, regions, yearly, created_at, updated_at)
SELECT $1, $2, $3, $4, $5, $6, $6
WHERE (SELECT count(*) FROM no_call_day WHERE account_id = $1) < $7
RETURNING no_call_day_id;
