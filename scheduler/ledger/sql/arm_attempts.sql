-- arm_attempts: give permits to the claimed loops that nothing forbids to call now; say why for the others.
-- The second of the arm's two statements. What forbids is probed by key for each loop, in scalar subqueries:
-- EXISTS may be planned as a hash of the whole table.
-- $1 loop_ids bigint[]  $2 due_ats timestamptz[]  $3 now timestamptz  $4 permit uuid  $5 worker text
-- $6 close_margin interval  $7 rules_revision text  $8 caller_ids text[]  $9 caller_id_days date[]: chosen for each
-- loop and the day it counts for, both null when none is; a loop whose agent has a pool is not armed without
-- $10 shards integer[]  $11 epochs text[]: where and at which epoch of the wheel each was claimed
-- $12 seen_beat bigint  $13 mark_attempt bigint  $14 mark_loop bigint: a beat that was seen of this ledger and an attempt
-- that was armed in it since, 0 for none. Without them, or in quarantine, it was put back to an earlier state
-- Rows: loop_id, refusal (null when armed), attempt_id, n, phone, channel, due_at, not_after, lane_id,
--       account_id, agent_id, batch_id, caller_id, simulated (whether its account reaches no real phone), and for a
--       step of a cadence cadence_id, cadence_version, step, lead_name, variables; none for a loop that another arm was
--       faster with
WITH standing AS MATERIALIZED (
    SELECT i.identity = ledger_identity() AND i.beat >= $12::bigint
           AND NOT EXISTS (SELECT FROM quarantine WHERE ended_at IS NULL)
           AND ($13::bigint = 0 OR (SELECT true FROM attempt AS m
                                    WHERE m.attempt_id = $13 AND m.loop_id = $14::bigint)) AS whole
    FROM installation AS i
),
claimed AS MATERIALIZED (
    SELECT lo.loop_id, lo.lead_id, lo.account_id, lo.agent_id, lo.batch_id, lo.lane_id, lo.why,
           lo.next_step, lo.next_kind, lo.next_channel, lo.open_until - $6::interval AS not_after,
           (lo.attempts + 1)::smallint AS n, c.due_at, ag.policy_version, lo.cadence_id, lo.cadence_version,
           c.caller_id, c.caller_id_day,
           CASE
               WHEN (SELECT whole IS NOT TRUE FROM standing) THEN 'quarantined'
               WHEN lo.status NOT IN ('scheduled', 'waiting_callback') OR lo.next_at <> c.due_at THEN
                   CASE WHEN EXISTS (SELECT FROM attempt AS own
                                     WHERE own.lead_id = lo.lead_id AND own.loop_id = lo.loop_id
                                       AND own.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call'))
                        THEN 'in_call' ELSE 'stale' END
               WHEN c.epoch <> (SELECT we.epoch FROM wheel_epoch AS we WHERE we.shard = c.shard) THEN 'lost'
               WHEN (SELECT true FROM suppression AS s
                     WHERE s.account_id = lo.account_id AND s.phone = le.phone) THEN 'dnc'
               WHEN ac.paused THEN 'account_paused'
               WHEN ag.paused THEN 'agent_paused'
               WHEN lo.batch_id <> 0 AND (SELECT b.status IN ('paused', 'canceled') FROM batch AS b
                                          WHERE b.batch_id = lo.batch_id) THEN 'batch_paused'
               WHEN ag.trunk_id IS NOT NULL AND (SELECT t.paused FROM trunk AS t
                                                 WHERE t.trunk_id = ag.trunk_id) THEN 'trunk_paused'
               WHEN lo.policy_version <> ag.policy_version OR lo.lead_version <> le.version THEN 'outdated'
               WHEN lo.cadence_id IS NOT NULL
                    AND (SELECT ca.applied_version > lo.cadence_version OR ca.status = 'archived' FROM cadence AS ca
                         WHERE ca.cadence_id = lo.cadence_id) THEN 'outdated'
               WHEN lo.batch_id <> 0 AND lo.attempts = 0
                    AND (SELECT (b.throttle ->> 'start_at')::timestamptz > $3 FROM batch AS b
                         WHERE b.batch_id = lo.batch_id) THEN 'outdated'
               WHEN lo.next_at > $3 THEN 'early'
               WHEN lo.open_until - $6::interval < $3 THEN 'closed'
               WHEN (SELECT true FROM attempt AS busy
                     WHERE busy.lead_id = lo.lead_id
                       AND busy.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call'))
                   THEN 'lead_busy'
               WHEN ag.caller_id_pool_id IS NOT NULL AND c.caller_id IS NULL THEN 'caller_id_wanted'
           END AS refusal
    FROM unnest($1::bigint[], $2::timestamptz[], $8::text[], $9::date[], $10::integer[], $11::text[])
        AS c (loop_id, due_at, caller_id, caller_id_day, shard, epoch)
    JOIN loop AS lo USING (loop_id)
    JOIN lead AS le ON le.lead_id = lo.lead_id
    JOIN agent AS ag ON ag.agent_id = lo.agent_id
    JOIN account AS ac ON ac.account_id = lo.account_id
),
armed AS (
    INSERT INTO attempt (loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, channel,
                         state, due_at, armed_at, not_after, permit, why, rules_revision, policy_version, caller_id,
                         caller_id_day, cadence_id, cadence_version)
    SELECT loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, next_step, next_kind, next_channel,
           'armed', due_at, $3, not_after, $4, why, $7, policy_version, caller_id, caller_id_day,
           cadence_id, cadence_version
    FROM claimed
    WHERE refusal IS NULL
    ON CONFLICT (loop_id, n) DO UPDATE
    SET state = 'armed', due_at = excluded.due_at, armed_at = excluded.armed_at, step = excluded.step,
        kind = excluded.kind, channel = excluded.channel, lane_id = excluded.lane_id,
        not_after = excluded.not_after, permit = excluded.permit, why = excluded.why,
        rules_revision = excluded.rules_revision, policy_version = excluded.policy_version,
        caller_id = excluded.caller_id, caller_id_day = excluded.caller_id_day, error = NULL,
        cadence_id = excluded.cadence_id, cadence_version = excluded.cadence_version
    WHERE attempt.state = 'not_sent'
    RETURNING attempt_id, loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, channel, due_at,
              not_after, caller_id, cadence_id, cadence_version, step
),
permits AS (
    INSERT INTO arm (attempt_id, permit, armed_at, not_after, worker)
    SELECT attempt_id, $4, $3, not_after, $5
    FROM armed
),
dialing AS (
    UPDATE loop AS lo
    SET status = 'dialing', next_at = NULL, held = false
    FROM armed AS a
    WHERE lo.loop_id = a.loop_id AND lo.status IN ('scheduled', 'waiting_callback')
)
SELECT a.loop_id, NULL AS refusal, a.attempt_id, a.n, le.phone, a.channel, a.due_at, a.not_after, a.lane_id,
       a.account_id, a.agent_id, a.batch_id, a.caller_id, a.cadence_id, a.cadence_version, a.step,
       (SELECT ac.simulated FROM account AS ac WHERE ac.account_id = a.account_id) AS simulated,
       CASE WHEN a.cadence_id IS NOT NULL THEN le.name END AS lead_name,
       CASE WHEN a.cadence_id IS NOT NULL THEN le.variables END AS variables
FROM armed AS a
JOIN lead AS le USING (lead_id)
UNION ALL
SELECT c.loop_id, c.refusal, NULL, c.n, NULL, c.next_channel, c.due_at, c.not_after, c.lane_id,
       c.account_id, c.agent_id, c.batch_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM claimed AS c
WHERE c.refusal IS NOT NULL;
