-- read_batch: a batch with the counts of its leads, which add up to `leads`.
-- $1 account_id bigint  $2 batch_id bigint
SELECT b.batch_id, b.name, b.priority, b.agent_id, b.cadence_id, b.throttle, b.status, b.created_at, b.updated_at,
       c.leads, c.untouched, c.reached, c.converted, c.exhausted, c.suppressed, c.touched,
       c.leads - c.untouched - c.reached - c.converted - c.exhausted - c.suppressed AS in_progress
FROM batch AS b
CROSS JOIN LATERAL (
    SELECT count(*) AS leads,
           count(*) FILTER (WHERE le.status IN ('new', 'active') AND le.attempts_count = 0) AS untouched,
           count(*) FILTER (WHERE le.status = 'reached') AS reached,
           count(*) FILTER (WHERE le.status = 'converted') AS converted,
           count(*) FILTER (WHERE le.status IN ('exhausted', 'unreachable', 'closed')) AS exhausted,
           count(*) FILTER (WHERE le.status = 'opted_out') AS suppressed,
           count(*) FILTER (WHERE le.attempts_count > 0) AS touched
    FROM lead AS le
    WHERE le.account_id = b.account_id AND le.batch_id = b.batch_id
) AS c
WHERE b.account_id = $1
  AND b.batch_id = $2;
