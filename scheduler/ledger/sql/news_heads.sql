-- news_heads: how far the events of accounts are numbered, and up to which they are gone.
-- $1 account_ids bigint[]
SELECT account_id, seq, purged_seq
FROM news_head
WHERE account_id = ANY($1::bigint[]);
