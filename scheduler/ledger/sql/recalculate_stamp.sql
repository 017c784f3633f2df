-- recalculate_stamp: waiting loops, their leads locked, whose plan is what it would be under the settings of now.
-- $1 loop_ids  $2 policy_versions  $3 lead_versions  $4 next_ms: array literals, as they were read
UPDATE loop AS lo
SET policy_version = p.policy_version, lead_version = p.lead_version
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::integer[], $4::text::bigint[])
    AS p (loop_id, policy_version, lead_version, next_ms)
WHERE lo.loop_id = p.loop_id
  AND lo.status IN ('scheduled', 'waiting_callback')
  AND lo.next_at = timestamptz 'epoch' + p.next_ms * interval '1 millisecond';
