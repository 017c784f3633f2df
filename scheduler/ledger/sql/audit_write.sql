-- audit_write: who changed what, in the transaction of the change.
-- $1 account_id bigint  $2 actor text  $3 action text  $4 object text  $5 before json  $6 after json
-- $7 request_id text  $8 now timestamptz  $9 address text
INSERT INTO audit (account_id, actor, action, object, before, after, request_id, at, address)
VALUES ($1, $2, $3, $4, $5::text::json, $6::text::json, $7, $8, $9);
