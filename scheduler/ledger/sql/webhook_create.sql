-- webhook_create: a new webhook, which gets what happens from now on; its secret comes in the same transaction.
-- $1 account_id bigint  $2 url text  $3 types text[]  $4 mode text  $5 most integer  $6 now timestamptz
-- $7 wall timestamptz
-- Rows: webhook_id; none when the account has `most` of them
INSERT INTO webhook (account_id, url, types, mode, secret, seq, next_at, leased_until, created_at, updated_at)
SELECT $1, $2, $3, $4, '', coalesce((SELECT seq FROM news_head WHERE account_id = $1), 0), $6, $7, $6, $6
WHERE (SELECT count(*) FROM webhook WHERE account_id = $1) < $5
RETURNING webhook_id;
