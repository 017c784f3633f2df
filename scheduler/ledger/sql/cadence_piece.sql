-- cadence_piece: the next waiting loops of a cadence that are to go over to the version applied, or that were
-- archived with it, and what is planned for them. Bounded by what it looks at, not by what it finds.
-- $1 cadence_id bigint  $2 after bigint (loop_id)  $3 limit integer
-- Rows: the loops in order, and last a row with the loop_id reached and no lane; without that the end is
WITH looked AS MATERIALIZED (
    SELECT loop_id
    FROM loop
    WHERE cadence_id = $1 AND status <> 'ended' AND loop_id > $2
    ORDER BY loop_id
    LIMIT $3
)
SELECT lo.loop_id, lo.lead_id, lo.lane_id, la.shard, lo.status, lo.next_at, lo.open_until, lo.next_kind,
       lo.next_step, lo.next_channel, lo.why, lo.held
FROM looked AS l
JOIN loop AS lo USING (loop_id)
JOIN cadence AS ca ON ca.cadence_id = lo.cadence_id
JOIN lane AS la ON la.lane_id = lo.lane_id
WHERE lo.next_at IS NOT NULL
  AND (lo.cadence_version < ca.applied_version OR ca.status = 'archived')
UNION ALL
SELECT max(loop_id), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM looked
HAVING count(*) = $3;
