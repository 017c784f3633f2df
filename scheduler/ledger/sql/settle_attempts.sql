-- settle_attempts: close attempts with their outcome and write what comes next, in one statement.
-- One value a row in each column. A column marked * is an array literal, as `ledger/columns.py` makes them:
-- numbers, names out of our enumerations, instants in milliseconds (_ms); the others are text[].
-- $1* attempt_ids  $2* outcomes  $3 dispositions  $4* ended_ms  $5* answered_ms  $6* talk_s  $7 errors
-- $8* callback_ms  $9* dispatched_ms  $10 provider_call_ids  $11 provider text
-- $12* loop_ids (null: the loop was ended meanwhile and stays so)  $13* statuses  $14* lane_ids  $15* next_ms
-- $16* open_until_ms  $17* kinds  $18* next_steps  $19* channels  $20 whys  $21* policy_versions  $22* steps
-- $23* consecutive_errors  $24* postponed  $25* dialled_ms  $26* end_reasons  $27* lead_ids
-- $28* lead_statuses  $29* contact_ms  $30 now timestamptz  $31* cadence_ids  $32* cadence_versions  $33* runs
-- $34 trails
-- Rows: attempt_id of those this call closed. (The states are excluded, not named: named, they would match the
-- index of all live calls, and the plan would walk through every call under way.)
WITH s AS MATERIALIZED (
    SELECT attempt_id, outcome, disposition, to_timestamp(ended_ms / 1000.0::float8) AS ended_at,
           to_timestamp(answered_ms / 1000.0::float8) AS answered_at, talk_s, error,
           to_timestamp(callback_ms / 1000.0::float8) AS callback_at,
           to_timestamp(dispatched_ms / 1000.0::float8) AS dispatched_at, provider_call_id, loop_id, status,
           lane_id, to_timestamp(next_ms / 1000.0::float8) AS next_at,
           to_timestamp(open_until_ms / 1000.0::float8) AS open_until, kind, next_step, channel, why,
           policy_version, step, consecutive_errors, postponed,
           to_timestamp(dialled_ms / 1000.0::float8) AS dialled_at, end_reason, lead_id, lead_status,
           to_timestamp(contact_ms / 1000.0::float8) AS contact_at, cadence_id, cadence_version, run, trail
    FROM unnest($1::text::bigint[], $2::text::text[], $3::text[], $4::text::bigint[], $5::text::bigint[],
                $6::text::integer[], $7::text[], $8::text::bigint[], $9::text::bigint[], $10::text[],
                $12::text::bigint[], $13::text::text[], $14::text::bigint[], $15::text::bigint[],
                $16::text::bigint[], $17::text::text[], $18::text::smallint[], $19::text::text[],
                $20::text[], $21::text::bigint[], $22::text::smallint[], $23::text::smallint[],
                $24::text::smallint[], $25::text::bigint[], $26::text::text[], $27::text::bigint[],
                $28::text::text[], $29::text::bigint[], $31::text::bigint[], $32::text::integer[],
                $33::text::smallint[], $34::text[])
        AS s (attempt_id, outcome, disposition, ended_ms, answered_ms, talk_s, error, callback_ms,
              dispatched_ms, provider_call_id, loop_id, status, lane_id, next_ms, open_until_ms, kind,
              next_step, channel, why, policy_version, step, consecutive_errors, postponed, dialled_ms,
              end_reason, lead_id, lead_status, contact_ms, cadence_id, cadence_version, run, trail)
),
loops AS (
    UPDATE loop AS lo
    SET status = s.status, lane_id = s.lane_id, next_at = s.next_at, open_until = s.open_until,
        next_kind = s.kind, next_step = s.next_step, next_channel = s.channel, why = s.why::json,
        policy_version = s.policy_version, lead_version = le.version + 1, step = s.step,
        attempts = lo.attempts + 1, consecutive_errors = s.consecutive_errors, postponed = s.postponed,
        history = lo.history || s.dialled_at, end_reason = s.end_reason, cadence_id = s.cadence_id,
        cadence_version = s.cadence_version, run = s.run, trail = s.trail::json,
        asked = CASE WHEN lo.asked_in_call OR lo.next_kind = 'manual' THEN lo.asked END,
        asked_at = CASE WHEN lo.asked_in_call OR lo.next_kind = 'manual' THEN lo.asked_at END, asked_in_call = false,
        ended_at = CASE WHEN s.end_reason IS NOT NULL THEN $30::timestamptz END
    FROM s JOIN lead AS le USING (lead_id)
    WHERE lo.loop_id = s.loop_id AND lo.status = 'dialing'
),
leads AS (
    UPDATE lead AS le
    SET contacts = (le.contacts || s.contact_at)[greatest(1, cardinality(le.contacts) - 30):],
        version = le.version + 1, attempts_count = le.attempts_count + 1, status = s.lead_status,
        contacted_at = coalesce(s.dialled_at, le.contacted_at), updated_at = $30
    FROM s
    WHERE le.lead_id = s.lead_id
)
UPDATE attempt AS a
SET state = 'done', outcome = s.outcome, disposition = coalesce(s.disposition, a.disposition), ended_at = s.ended_at,
    answered_at = coalesce(a.answered_at, s.answered_at), talk_s = s.talk_s, error = s.error,
    callback_at = s.callback_at, dispatched_at = coalesce(a.dispatched_at, s.dispatched_at),
    provider = $11, provider_call_id = coalesce(a.provider_call_id, s.provider_call_id)
FROM s
WHERE a.attempt_id = s.attempt_id
  AND a.state NOT IN ('not_sent', 'done', 'canceled')
RETURNING a.attempt_id;
