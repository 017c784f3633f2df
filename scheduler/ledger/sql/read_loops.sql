-- read_loops: loops with the zone of their lead. `updated_at`: what is said of a loop, and what came of an attempt, is a
-- change of its lead as well.
-- $1 account_id bigint  $2 loop_ids bigint[]
SELECT lo.loop_id, lo.lead_id, lo.agent_id, lo.batch_id, lo.status, lo.run, lo.step, lo.attempts, lo.started_at,
       lo.next_at, lo.end_reason, lo.ended_at, lo.next_kind, lo.cadence_id, lo.cadence_version,
       coalesce(lo.ended_at, greatest(lo.started_at, le.updated_at)) AS updated_at, pl.own_zones, ac.timezone AS account_timezone
FROM loop AS lo
JOIN lead AS le USING (lead_id)
JOIN place AS pl USING (place_id)
JOIN account AS ac ON ac.account_id = lo.account_id
WHERE lo.account_id = $1
  AND lo.loop_id = ANY($2::bigint[]);
