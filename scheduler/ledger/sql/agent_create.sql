-- agent_create: a voice of an account, with its dialing settings.
-- $1 account_id bigint  $2 name text  $3 voice text  $4 timezone text  $5 windows json  $6 auto_dialer json
-- $7 now timestamptz
INSERT INTO agent (account_id, name, voice, timezone, windows, auto_dialer, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5::text::json, $6::text::json, $7, $7)
RETURNING agent_id;
