-- testimony_enter: of each loop the first call that was forgotten is an attempt again, under its id and permit: nobody
-- knows what became of it. Run with the leads locked. A loop that began after the call is another one.
-- $1 quarantine_id bigint  $2 loop_ids bigint[]  $3 rules_revision text
-- Rows: attempt_id, loop_id of those entered
WITH first AS MATERIALIZED (
    SELECT DISTINCT ON (t.loop_id) t.testimony_id, t.attempt_id, t.loop_id, t.account_id, t.permit, t.at
    FROM testimony AS t
    WHERE t.quarantine_id = $1 AND t.kind = 'call' AND NOT t.used AND t.loop_id = ANY($2::bigint[])
    ORDER BY t.loop_id, t.n, t.at
),
entered AS (
    INSERT INTO attempt (attempt_id, loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, channel,
                         state, due_at, armed_at, not_after, permit, why, rules_revision, policy_version)
    OVERRIDING SYSTEM VALUE
    SELECT f.attempt_id, lo.loop_id, lo.lead_id, lo.account_id, lo.agent_id, lo.batch_id, lo.lane_id, lo.attempts + 1,
           lo.next_step, lo.next_kind, lo.next_channel, 'unknown', least(lo.next_at, f.at), f.at, f.at, f.permit,
           lo.why, $3, lo.policy_version
    FROM first AS f
    JOIN loop AS lo ON lo.loop_id = f.loop_id AND lo.account_id = f.account_id
    WHERE lo.status IN ('scheduled', 'waiting_callback') AND lo.started_at <= f.at
      AND NOT EXISTS (SELECT FROM attempt AS o
                      WHERE o.attempt_id = f.attempt_id AND (o.loop_id <> f.loop_id OR o.state <> 'not_sent'))
      AND NOT EXISTS (SELECT FROM attempt AS busy
                      WHERE busy.lead_id = lo.lead_id
                        AND busy.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call'))
    ON CONFLICT (loop_id, n) DO UPDATE
    SET state = 'unknown', armed_at = excluded.armed_at, not_after = excluded.not_after, permit = excluded.permit,
        error = NULL
    WHERE attempt.state = 'not_sent'
    RETURNING attempt_id, loop_id, permit, armed_at
),
permits AS (
    INSERT INTO arm (attempt_id, permit, armed_at, not_after, worker)
    SELECT attempt_id, permit, armed_at, armed_at, 'journal'
    FROM entered
),
dialing AS (
    UPDATE loop AS lo
    SET status = 'dialing', next_at = NULL, held = false
    FROM entered AS e
    WHERE lo.loop_id = e.loop_id
),
used AS (
    UPDATE testimony AS t
    SET used = true
    FROM first AS f
    JOIN entered AS e USING (loop_id)
    WHERE t.testimony_id = f.testimony_id
)
SELECT attempt_id, loop_id FROM entered;
