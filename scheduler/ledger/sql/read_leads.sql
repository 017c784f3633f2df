-- read_leads: leads with their place and what is planned next, from the loop that is not over.
-- $1 account_id bigint  $2 lead_ids bigint[]
SELECT le.lead_id, le.external_id, le.phone, le.name, le.email, le.timezone, le.region, le.priority,
       le.agent_id, le.batch_id, le.appointment_at, le.consent, le.tags, le.variables, le.status,
       le.attempts_count, le.contacted_at, le.contacts, le.created_at, le.updated_at,
       pl.zones, pl.regions, pl.own_zones, pl.source, ac.timezone AS account_timezone,
       lo.loop_id, lo.agent_id AS loop_agent_id, lo.status AS loop_status, lo.run, lo.attempts, lo.next_at,
       lo.next_kind, lo.next_step, lo.next_channel, lo.why, lo.started_at, lo.cadence_id, lo.cadence_version,
       (SELECT ca.name FROM cadence AS ca WHERE ca.cadence_id = lo.cadence_id) AS cadence_name
FROM lead AS le
JOIN account AS ac USING (account_id)
JOIN place AS pl USING (place_id)
LEFT JOIN loop AS lo ON lo.lead_id = le.lead_id AND lo.status <> 'ended'
WHERE le.account_id = $1
  AND le.erased_at IS NULL
  AND le.lead_id = ANY($2::bigint[])
ORDER BY le.lead_id DESC;
