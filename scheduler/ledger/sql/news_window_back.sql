-- news_window_back: after which event the groups of a time begin that lead back from one: as far as one look goes.
-- $1 account_id bigint  $2 upto bigint  $3 groups integer  $4 created tstzrange
-- Rows: after (null: there are none), groups
SELECT min(seq - cardinality(ids)) AS after, count(*) AS groups
FROM (SELECT seq, ids
      FROM news
      WHERE account_id = $1 AND seq <= (SELECT min(seq) FROM news WHERE account_id = $1 AND seq >= $2)
        AND at <@ $4::tstzrange
      ORDER BY seq DESC
      LIMIT $3) AS n;
