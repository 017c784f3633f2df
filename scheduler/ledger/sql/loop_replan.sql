-- loop_replan: write what the planner said anew about waiting loops.
-- $1 loop_ids bigint[]  $2 statuses text[]  $3 lane_ids bigint[]  $4 next_ats timestamptz[]
-- $5 open_untils timestamptz[]  $6 kinds text[]  $7 steps smallint[]  $8 channels text[]  $9 whys text[]
-- $10 policy_versions bigint[]  $11 lead_versions integer[]  $12 end_reasons text[]  $13 lead_statuses text[]
-- $14 now timestamptz  $15 cadence_ids bigint[]  $16 cadence_versions integer[]  $17 runs smallint[]  $18 trails text[]
WITH planned AS (
    SELECT *
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[],
                $7::smallint[], $8::text[], $9::text[], $10::bigint[], $11::integer[], $12::text[],
                $13::text[], $15::bigint[], $16::integer[], $17::smallint[], $18::text[])
        AS p (loop_id, status, lane_id, next_at, open_until, kind, step, channel, why, policy_version,
              lead_version, end_reason, lead_status, cadence_id, cadence_version, run, trail)
),
loops AS (
    UPDATE loop AS lo
    SET status = p.status, lane_id = p.lane_id, next_at = p.next_at, open_until = p.open_until,
        held = false, next_kind = p.kind, next_step = p.step, next_channel = p.channel, why = p.why::json,
        policy_version = p.policy_version, lead_version = p.lead_version, end_reason = p.end_reason,
        cadence_id = p.cadence_id, cadence_version = p.cadence_version, run = p.run, trail = p.trail::json,
        ended_at = CASE WHEN p.end_reason IS NOT NULL THEN $14::timestamptz END
    FROM planned AS p
    WHERE lo.loop_id = p.loop_id AND lo.status IN ('scheduled', 'waiting_callback')
    RETURNING lo.lead_id, CASE WHEN lo.once AND coalesce(p.end_reason, 'removed') = 'removed' THEN NULL
                               ELSE p.lead_status END AS lead_status
)
UPDATE lead AS le
SET status = l.lead_status, updated_at = $14
FROM loops AS l
WHERE le.lead_id = l.lead_id AND le.status <> l.lead_status;
