-- news_window: where the next groups end after an event: as far as one look goes.
-- $1 account_id bigint  $2 after bigint  $3 groups integer
SELECT max(seq) AS upto
FROM (SELECT seq FROM news WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS n;
