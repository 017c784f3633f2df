-- books_loops: how many leads there are by how their latest loop ended; null: it goes on.
-- $1 account_id bigint
SELECT end_reason, count(*) AS leads
FROM (
    SELECT DISTINCT ON (lead_id) lead_id, end_reason
    FROM loop
    WHERE account_id = $1
    ORDER BY lead_id, loop_id DESC
) AS latest
GROUP BY end_reason;
