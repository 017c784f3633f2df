-- cadence_piece: the next waiting loops of a cadence that are to go over to the version applied, or that were
-- archived with it. Bounded by what it looks at, not by what it finds.
-- $1 cadence_id bigint  $2 after bigint (loop_id)  $3 limit integer
-- Rows: one, with loop_ids in order, and upto, the loop_id to go on after; null at the end
WITH looked AS MATERIALIZED (
    SELECT loop_id, cadence_version, next_at
    FROM loop
    WHERE cadence_id = $1 AND status <> 'ended' AND loop_id > $2
    ORDER BY loop_id
    LIMIT $3
)
SELECT (SELECT coalesce(array_agg(l.loop_id ORDER BY l.loop_id), '{}')
        FROM looked AS l, cadence AS ca
        WHERE ca.cadence_id = $1
          AND l.next_at IS NOT NULL
          AND (l.cadence_version < ca.applied_version OR ca.status = 'archived')) AS loop_ids,
       (SELECT max(loop_id) FROM looked HAVING count(*) = $3) AS upto;
