-- record_news: which attempts ended, in the order of an account's events.
-- $1 account_id bigint  $2 after bigint  $3 groups integer
SELECT seq, CASE WHEN type = 'attempt.ended' THEN ids ELSE '{}' END AS attempt_ids
FROM news
WHERE account_id = $1
  AND seq > $2
ORDER BY seq
LIMIT $3;
