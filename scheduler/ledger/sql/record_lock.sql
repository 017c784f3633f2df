-- record_lock: a chain that is behind its account's events, for whoever goes on with it; others take another.
-- Rows: account_id, number, hash, news_seq, purged_seq
SELECT rh.account_id, rh.number, rh.hash, rh.news_seq, nh.purged_seq
FROM record_head AS rh
JOIN news_head AS nh USING (account_id)
WHERE nh.seq > rh.news_seq
LIMIT 1
FOR UPDATE OF rh SKIP LOCKED;
