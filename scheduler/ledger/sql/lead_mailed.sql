-- lead_mailed: some of the leads with this address, found by the addresses' index if they are few.
-- $1 account_id bigint  $2 email text  $3 limit integer
-- Rows: lead_id
WITH mailed AS MATERIALIZED (
    SELECT lead_id FROM lead WHERE account_id = $1 AND lower(email) = lower($2) AND email <> ''
)
SELECT lead_id FROM mailed LIMIT $3;
