-- recalculate_piece: the next loops of an account that wait under outdated settings, with what is planned for them.
-- Bounded by what it looks at, not by what it finds.
-- $1 account_id bigint  $2 agent_ids bigint[]  $3 after bigint (lead_id)  $4 limit integer
-- Rows: the loops in order of their leads, and last a row with the lead_id reached alone; without that the end is
WITH looked AS MATERIALIZED (
    SELECT loop_id, lead_id
    FROM loop
    WHERE status <> 'ended' AND lead_id > $3
    ORDER BY lead_id
    LIMIT $4
)
SELECT lo.loop_id, lo.lead_id, lo.lane_id, la.shard, lo.status, lo.next_at, lo.open_until, lo.next_kind,
       lo.next_step, lo.next_channel, lo.why, lo.held
FROM looked AS l
JOIN loop AS lo USING (loop_id)
JOIN agent AS ag ON ag.agent_id = lo.agent_id
JOIN lane AS la ON la.lane_id = lo.lane_id
WHERE lo.account_id = $1
  AND lo.agent_id = ANY($2::bigint[])
  AND lo.next_at IS NOT NULL
  AND lo.policy_version <> ag.policy_version
UNION ALL
SELECT NULL, max(lead_id), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM looked
HAVING count(*) = $4;
