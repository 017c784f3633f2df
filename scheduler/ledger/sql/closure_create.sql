-- closure_create: an order that nobody is called there then, if the account does not have `most` of them.
-- $1 account_id bigint  $2 regions text[]  $3 starts_at timestamptz  $4 ends_at timestamptz  $5 reason text
-- $6 now timestamptz  $7 most integer
-- Rows: closure_id; none when there are too many
INSERT INTO closure (account_id, regions, starts_at, ends_at, reason, created_at, updated_at)
SELECT $1, $2, $3, $4, $5, $6, $6
WHERE (SELECT count(*) FROM closure WHERE account_id = $1) < $7
RETURNING closure_id;
