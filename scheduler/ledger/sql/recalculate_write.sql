-- recalculate_write: what the planner says anew about waiting loops, their leads locked, that are as they were
-- read. One that is kept back on its lane stays so. Columns marked * are array literals, instants in ms
-- $1* loop_ids  $2* statuses  $3* lane_ids  $4* next_ms  $5* open_until_ms  $6* kinds  $7* steps  $8* channels
-- $9 whys text[]  $10* policy_versions  $11* lead_versions  $12* end_reasons  $13* lead_statuses  $14 now timestamptz
-- $15* cadence_ids  $16* cadence_versions  $17* runs  $18 trails text[]  $19* was_ms  $20* held
-- Rows: loop_id of those written
WITH planned AS (
    SELECT loop_id, status, lane_id, timestamptz 'epoch' + next_ms * interval '1 millisecond' AS next_at,
           timestamptz 'epoch' + open_until_ms * interval '1 millisecond' AS open_until, kind, step, channel, why,
           policy_version, lead_version, end_reason, lead_status, cadence_id, cadence_version, run, trail,
           timestamptz 'epoch' + was_ms * interval '1 millisecond' AS was_at, held
    FROM unnest($1::text::bigint[], $2::text::text[], $3::text::bigint[], $4::text::bigint[], $5::text::bigint[],
                $6::text::text[], $7::text::smallint[], $8::text::text[], $9::text[], $10::text::bigint[],
                $11::text::integer[], $12::text::text[], $13::text::text[], $15::text::bigint[],
                $16::text::integer[], $17::text::smallint[], $18::text[], $19::text::bigint[], $20::text::boolean[])
        AS p (loop_id, status, lane_id, next_ms, open_until_ms, kind, step, channel, why, policy_version,
              lead_version, end_reason, lead_status, cadence_id, cadence_version, run, trail, was_ms, held)
),
loops AS (
    UPDATE loop AS lo
    SET status = p.status, lane_id = p.lane_id, next_at = p.next_at, open_until = p.open_until,
        held = p.held, next_kind = p.kind, next_step = p.step, next_channel = p.channel, why = p.why::json,
        policy_version = p.policy_version, lead_version = p.lead_version, end_reason = p.end_reason,
        cadence_id = p.cadence_id, cadence_version = p.cadence_version, run = p.run, trail = p.trail::json,
        ended_at = CASE WHEN p.end_reason IS NOT NULL THEN $14::timestamptz END
    FROM planned AS p
    WHERE lo.loop_id = p.loop_id
      AND lo.status IN ('scheduled', 'waiting_callback')
      AND lo.next_at = p.was_at
    RETURNING lo.loop_id, lo.lead_id, p.lead_status
),
leads AS (
    UPDATE lead AS le
    SET status = l.lead_status, updated_at = $14
    FROM loops AS l
    WHERE le.lead_id = l.lead_id AND le.status <> l.lead_status
)
SELECT loop_id
FROM loops;
