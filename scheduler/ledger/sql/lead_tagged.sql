-- lead_tagged: some of the leads that have these tags. Without an order, so that few are found by the tags' index.
-- $1 account_id bigint  $2 tags text[] (all of them)  $3 limit integer
-- Rows: lead_id
SELECT lead_id FROM lead WHERE account_id = $1 AND tags @> $2::text[] AND tags <> '{}' LIMIT $3;
