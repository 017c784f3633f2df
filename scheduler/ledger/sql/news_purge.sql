-- news_purge: forget the oldest news that was kept long enough, a bounded number of groups an account.
-- $1 before timestamptz  $2 groups integer
-- Rows: gone (groups)
WITH old AS MATERIALIZED (
    SELECT h.account_id, n.seq
    FROM news_head AS h
    CROSS JOIN LATERAL (
        SELECT seq, at
        FROM news
        WHERE account_id = h.account_id AND seq > h.purged_seq
        ORDER BY seq
        LIMIT $2
    ) AS n
    WHERE n.at < $1
),
gone AS (
    DELETE FROM news AS n
    USING old AS o
    WHERE n.account_id = o.account_id AND n.seq = o.seq
    RETURNING n.account_id, n.seq
),
heads AS (
    UPDATE news_head AS h
    SET purged_seq = greatest(h.purged_seq, g.seq)
    FROM (SELECT account_id, max(seq) AS seq FROM gone GROUP BY account_id) AS g
    WHERE h.account_id = g.account_id
)
SELECT count(*) AS gone FROM gone;
