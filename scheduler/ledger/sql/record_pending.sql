-- record_pending: attempts of an account whose latest news is not recorded yet.
-- $1 account_id bigint
SELECT unnest(n.ids) AS attempt_id
FROM record_head AS rh
JOIN news AS n USING (account_id)
WHERE rh.account_id = $1
  AND n.seq > rh.news_seq
  AND n.type = 'attempt.ended'
UNION
SELECT unnest(n.ids)
FROM news AS n
WHERE n.account_id = $1
  AND n.seq IS NULL
  AND n.type = 'attempt.ended';
