-- settle_attempts: close attempts with their outcome and write what comes next, in one statement.
-- $1 attempt_ids bigint[]  $2 outcomes text[]  $3 dispositions text[]  $4 ended_ats timestamptz[]
-- $5 answered_ats timestamptz[]  $6 talk_s integer[]  $7 errors text[]  $8 callback_ats timestamptz[]
-- $9 dispatched_ats timestamptz[]  $10 provider_call_ids text[]  $11 provider text
-- $12 loop_ids bigint[] (null: the loop was ended meanwhile and stays so)  $13 statuses text[]
-- $14 lane_ids bigint[]  $15 next_ats timestamptz[]  $16 open_untils timestamptz[]  $17 kinds text[]
-- $18 next_steps smallint[]  $19 channels text[]  $20 whys text[]  $21 policy_versions bigint[]
-- $22 steps smallint[]  $23 consecutive_errors smallint[]  $24 postponed smallint[]
-- $25 dialled_ats timestamptz[]  $26 end_reasons text[]  $27 lead_ids bigint[]  $28 lead_statuses text[]
-- $29 contact_ats timestamptz[]  $30 now timestamptz
-- Rows: attempt_id of those this call closed. (The states are excluded, not named: named, they would match the
-- index of all live calls, and the plan would walk through every call under way.)
WITH s AS (
    SELECT *
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::integer[],
                $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[], $12::bigint[], $13::text[],
                $14::bigint[], $15::timestamptz[], $16::timestamptz[], $17::text[], $18::smallint[],
                $19::text[], $20::text[], $21::bigint[], $22::smallint[], $23::smallint[], $24::smallint[],
                $25::timestamptz[], $26::text[], $27::bigint[], $28::text[], $29::timestamptz[])
        AS s (attempt_id, outcome, disposition, ended_at, answered_at, talk_s, error, callback_at,
              dispatched_at, provider_call_id, loop_id, status, lane_id, next_at, open_until, kind, next_step,
              channel, why, policy_version, step, consecutive_errors, postponed, dialled_at, end_reason,
              lead_id, lead_status, contact_at)
),
loops AS (
    UPDATE loop AS lo
    SET status = s.status, lane_id = s.lane_id, next_at = s.next_at, open_until = s.open_until,
        next_kind = s.kind, next_step = s.next_step, next_channel = s.channel, why = s.why::json,
        policy_version = s.policy_version, lead_version = le.version + 1, step = s.step,
        attempts = lo.attempts + 1, consecutive_errors = s.consecutive_errors, postponed = s.postponed,
        history = lo.history || s.dialled_at, end_reason = s.end_reason,
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
SET state = 'done', outcome = s.outcome, disposition = s.disposition, ended_at = s.ended_at,
    answered_at = coalesce(a.answered_at, s.answered_at), talk_s = s.talk_s, error = s.error,
    callback_at = s.callback_at, dispatched_at = coalesce(a.dispatched_at, s.dispatched_at),
    provider = $11, provider_call_id = coalesce(a.provider_call_id, s.provider_call_id)
FROM s
WHERE a.attempt_id = s.attempt_id
  AND a.state NOT IN ('not_sent', 'done', 'canceled')
RETURNING a.attempt_id;
