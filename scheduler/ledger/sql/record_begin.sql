-- record_begin: a chain for each account that has had events and has none. Where none of them is forgotten yet, every
-- attempt will have a record.
-- $1 now timestamptz
INSERT INTO record_head (account_id, number, hash, news_seq, since)
SELECT nh.account_id, 0, decode(repeat('00', 32), 'hex'), nh.purged_seq,
       CASE WHEN nh.purged_seq = 0 THEN '-infinity' ELSE $1::timestamptz END
FROM news_head AS nh
WHERE NOT EXISTS (SELECT FROM record_head AS rh WHERE rh.account_id = nh.account_id)
ON CONFLICT DO NOTHING;
