-- news_window: where the next groups of a time end after an event: as far as one look goes.
-- $1 account_id bigint  $2 after bigint  $3 groups integer  $4 created tstzrange
-- Rows: upto (null: there are none), groups
SELECT max(seq) AS upto, count(*) AS groups
FROM (SELECT seq FROM news WHERE account_id = $1 AND seq > $2 AND at <@ $4::tstzrange ORDER BY seq LIMIT $3) AS n;
