-- cadence_active_loops: loops that are not over, by cadence.
-- $1 cadence_ids bigint[]
SELECT cadence_id, count(*) AS loops
FROM loop
WHERE cadence_id = ANY($1::bigint[]) AND status <> 'ended'
GROUP BY cadence_id;
