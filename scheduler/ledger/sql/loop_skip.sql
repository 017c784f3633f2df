-- loop_skip: a loop goes on as if its next attempt had been made at its time, without an outcome; its lead, which is
-- locked, gets another version: the arm refuses what was planned before.
-- $1 loop_id bigint  $2 step smallint  $3 trail text  $4 now timestamptz
-- Rows: attempt_id of the attempt that keeps the number; none for a loop that does not wait
WITH was AS MATERIALIZED (
    SELECT loop_id, lead_id, account_id, agent_id, batch_id, lane_id, (attempts + 1)::smallint AS n, next_step, next_kind,
           next_channel, next_at, why, policy_version, cadence_id, cadence_version
    FROM loop
    WHERE loop_id = $1
      AND status IN ('scheduled', 'waiting_callback')
),
kept AS (
    INSERT INTO attempt (loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, channel, state, due_at,
                         armed_at, not_after, permit, ended_at, why, rules_revision, policy_version, cadence_id,
                         cadence_version)
    SELECT loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, next_step, next_kind, next_channel, 'skipped',
           next_at, $4, $4, '00000000-0000-0000-0000-000000000000', $4, why, '', policy_version, cadence_id,
           cadence_version
    FROM was
    ON CONFLICT (loop_id, n) DO UPDATE
    SET state = 'skipped', due_at = excluded.due_at, armed_at = excluded.armed_at, not_after = excluded.not_after,
        permit = excluded.permit, ended_at = excluded.ended_at, step = excluded.step, kind = excluded.kind,
        channel = excluded.channel, why = excluded.why, error = NULL
    WHERE attempt.state = 'not_sent'
    RETURNING attempt_id
),
loops AS (
    UPDATE loop AS lo
    SET attempts = was.n, step = $2::smallint, history = lo.history || was.next_at, trail = $3::text::json, asked = NULL,
        asked_at = NULL, asked_in_call = false
    FROM was, kept
    WHERE lo.loop_id = was.loop_id
      AND lo.status IN ('scheduled', 'waiting_callback')
),
leads AS (
    UPDATE lead AS le
    SET version = le.version + 1, updated_at = $4
    FROM was, kept
    WHERE le.lead_id = was.lead_id
)
SELECT attempt_id FROM kept;
