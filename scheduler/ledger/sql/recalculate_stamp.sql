-- recalculate_stamp: waiting loops, their leads locked, whose plan is what it would be under the settings of now.
-- $1 loop_ids bigint[]  $2 policy_versions bigint[]  $3 lead_versions integer[]  $4 next_ats timestamptz[]: as they were
-- read
UPDATE loop AS lo
SET policy_version = p.policy_version, lead_version = p.lead_version
FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::timestamptz[])
    AS p (loop_id, policy_version, lead_version, next_at)
WHERE lo.loop_id = p.loop_id
  AND lo.status IN ('scheduled', 'waiting_callback')
  AND lo.next_at = p.next_at;
