-- record_facts: what is known of attempts that are over, with what was in force when they got their permit. A manual
-- call's lane is nowhere: its lead's place counts.
-- $1 account_id bigint  $2 attempt_ids bigint[]
SELECT a.attempt_id, a.account_id, a.agent_id, a.lead_id, a.loop_id, nullif(a.batch_id, 0) AS batch_id, a.n, a.step, a.kind,
       a.channel, a.state, a.due_at, a.armed_at, a.not_after, a.dispatched_at, a.answered_at, a.ended_at, a.outcome,
       a.disposition, a.callback_at, a.caller_id, a.provider, a.provider_call_id, a.cadence_id, a.cadence_version,
       a.policy_version, a.rules_revision, a.why, le.external_id, le.phone, le.consent, le.priority,
       array(SELECT c FROM unnest(le.contacts) AS c WHERE c < a.armed_at ORDER BY c) AS contacts,
       pl.zones, pl.regions, pl.own_zones, pl.source, pk.settings,
       (SELECT count(*) FROM attempt_record AS r
        WHERE r.account_id = a.account_id AND r.attempt_id = a.attempt_id) AS revisions
FROM attempt AS a
JOIN lead AS le USING (lead_id)
JOIN lane AS la ON la.lane_id = a.lane_id
JOIN place AS own ON own.place_id = la.place_id
JOIN place AS pl ON pl.place_id = CASE WHEN own.zones = '{}' THEN le.place_id ELSE own.place_id END
LEFT JOIN policy_kept AS pk
    ON pk.account_id = a.account_id AND pk.agent_id = a.agent_id AND pk.policy_version = a.policy_version
WHERE a.account_id = $1
  AND a.attempt_id = ANY($2::bigint[])
  AND a.state = 'done';
