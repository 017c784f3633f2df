-- record_heads: the chains of accounts.
-- $1 account_ids bigint[] (null: all)
SELECT account_id, number, hash, news_seq, since
FROM record_head
WHERE $1::bigint[] IS NULL OR account_id = ANY($1::bigint[])
ORDER BY account_id;
