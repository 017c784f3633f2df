-- enrol_read: what is known of these leads and of their loops.
-- $1 lead_ids bigint[]
SELECT le.lead_id, le.external_id, le.phone, le.name, le.email, le.timezone, le.region, le.place_id,
       le.priority, le.agent_id, le.batch_id, le.appointment_at, le.consent, le.tags, le.variables, le.status,
       le.contacts, le.version, le.quiet_until, lo.loop_id, lo.next_at, lo.cadence_id,
       lo.loop_id IS NOT NULL OR EXISTS (SELECT FROM loop AS past
                                         WHERE past.lead_id = le.lead_id AND past.status = 'ended'
                                           AND NOT past.once) AS enrolled
FROM lead AS le
LEFT JOIN loop AS lo ON lo.lead_id = le.lead_id AND lo.status <> 'ended'
WHERE le.lead_id = ANY($1::bigint[]);
