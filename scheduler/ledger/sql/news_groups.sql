-- news_groups: whole groups after an event, in their order.
-- $1 account_id bigint  $2 after bigint  $3 groups integer
SELECT seq, type, at, ids, lead_ids, batch_ids, extra
FROM news
WHERE account_id = $1
  AND seq > $2
ORDER BY seq
LIMIT $3;
