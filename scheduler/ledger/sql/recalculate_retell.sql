-- recalculate_retell: waiting loops, their leads locked, that stay where they are under the settings of now, in hours
-- that end at another time or for other reasons.
-- $1 loop_ids  $2 policy_versions  $3 lead_versions  $4 next_ms, as they were read  $5 open_until_ms: array literals
-- $6 whys text[]
UPDATE loop AS lo
SET policy_version = p.policy_version, lead_version = p.lead_version, why = p.why::json,
    open_until = timestamptz 'epoch' + p.open_until_ms * interval '1 millisecond'
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::integer[], $4::text::bigint[], $5::text::bigint[],
            $6::text[])
    AS p (loop_id, policy_version, lead_version, next_ms, open_until_ms, why)
WHERE lo.loop_id = p.loop_id
  AND lo.status IN ('scheduled', 'waiting_callback')
  AND lo.next_at = timestamptz 'epoch' + p.next_ms * interval '1 millisecond';
