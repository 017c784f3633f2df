-- recalculate_piece: the next loops of an account that wait under outdated settings. Bounded by what it looks at, not by
-- what it finds.
-- $1 account_id bigint  $2 agent_ids bigint[]  $3 after bigint (lead_id)  $4 limit integer
-- Rows: one, with loop_ids in order of their leads, and upto, the lead_id to go on after; null at the end
WITH looked AS MATERIALIZED (
    SELECT loop_id, lead_id, account_id, agent_id, policy_version, next_at
    FROM loop
    WHERE status <> 'ended' AND lead_id > $3
    ORDER BY lead_id
    LIMIT $4
)
SELECT (SELECT coalesce(array_agg(l.loop_id ORDER BY l.lead_id), '{}')
        FROM looked AS l
        JOIN agent AS ag USING (agent_id)
        WHERE l.account_id = $1
          AND l.agent_id = ANY($2::bigint[])
          AND l.next_at IS NOT NULL
          AND l.policy_version <> ag.policy_version) AS loop_ids,
       (SELECT max(lead_id) FROM looked HAVING count(*) = $4) AS upto;
