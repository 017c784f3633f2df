-- news_number: give what is committed its place in the account's order. Runs under news_lock, as a statement of its
-- own: its snapshot must be later than the commit of whoever held the lock before.
-- $1 limit integer (groups)
-- Rows: news_id, account_id, type, batch_ids of the groups numbered
WITH fresh AS MATERIALIZED (
    SELECT n.news_id, n.account_id,
           sum(cardinality(n.ids)) OVER (PARTITION BY n.account_id ORDER BY n.news_id) AS upto
    FROM (SELECT news_id, account_id, ids FROM news WHERE seq IS NULL ORDER BY news_id LIMIT $1) AS n
),
heads AS (
    INSERT INTO news_head AS h (account_id, seq)
    SELECT account_id, max(upto) FROM fresh GROUP BY account_id
    ON CONFLICT (account_id) DO UPDATE SET seq = h.seq + excluded.seq
    RETURNING h.account_id, h.seq
),
starts AS (
    SELECT h.account_id, h.seq - max(f.upto) AS seq
    FROM heads AS h
    JOIN fresh AS f USING (account_id)
    GROUP BY h.account_id, h.seq
)
UPDATE news AS n
SET seq = s.seq + f.upto
FROM fresh AS f
JOIN starts AS s USING (account_id)
WHERE n.news_id = f.news_id
  AND n.seq IS NULL
RETURNING n.news_id, n.account_id, n.type, n.batch_ids;
