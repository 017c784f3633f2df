-- lead_tagged: some of the leads that have these tags, found by the tags' index if they are few.
-- $1 account_id bigint  $2 tags text[] (all of them)  $3 limit integer
-- Rows: lead_id
WITH tagged AS MATERIALIZED (
    SELECT lead_id FROM lead WHERE account_id = $1 AND tags @> $2::text[] AND tags <> '{}'
)
SELECT lead_id FROM tagged LIMIT $3;
