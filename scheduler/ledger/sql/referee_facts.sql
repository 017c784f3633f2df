-- referee_facts: for every phone what its agent and account are set to, raw, for judging rings anew.
-- $1 account_id bigint
SELECT le.phone, le.timezone AS stated_zone, le.region AS stated_region, le.priority, lo.agent_id
FROM lead AS le
JOIN (
    SELECT DISTINCT ON (lead_id) lead_id, agent_id
    FROM loop
    WHERE account_id = $1
    ORDER BY lead_id, loop_id DESC
) AS lo USING (lead_id)
WHERE le.account_id = $1;
