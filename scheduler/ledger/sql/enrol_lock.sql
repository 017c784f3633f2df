-- enrol_lock: the leads that rows of a file may mean, locked in id order; enrol_read then sees what was
-- committed before the locks were had.
-- $1 account_id bigint  $2 phones text[]  $3 external_ids text[]
SELECT le.lead_id
FROM lead AS le
WHERE le.lead_id IN (
    SELECT p.lead_id FROM lead AS p WHERE p.account_id = $1 AND p.phone = ANY($2::text[])
    UNION ALL
    SELECT e.lead_id FROM lead AS e WHERE e.account_id = $1 AND e.external_id = ANY($3::text[])
)
ORDER BY le.lead_id
FOR UPDATE OF le;
