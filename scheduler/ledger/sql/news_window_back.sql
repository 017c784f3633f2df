-- news_window_back: after which event the groups begin that lead back from one: as far as one look goes.
-- $1 account_id bigint  $2 upto bigint  $3 groups integer
SELECT min(seq - cardinality(ids)) AS after
FROM (SELECT seq, ids
      FROM news
      WHERE account_id = $1 AND seq <= (SELECT min(seq) FROM news WHERE account_id = $1 AND seq >= $2)
      ORDER BY seq DESC
      LIMIT $3) AS n;
