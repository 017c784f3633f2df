-- cadence_waiting: how many loops of a cadence wait, and how many run an older version than the one that is applied.
-- $1 cadence_id bigint
SELECT count(*) FILTER (WHERE lo.next_at IS NOT NULL) AS waiting,
       count(*) FILTER (WHERE lo.cadence_version < ca.applied_version) AS behind
FROM cadence AS ca
JOIN loop AS lo ON lo.cadence_id = ca.cadence_id AND lo.status <> 'ended'
WHERE ca.cadence_id = $1;
