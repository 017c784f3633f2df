-- enrol_update: write what a later row says about leads that are known, locked by enrol_lock.
-- $1 lead_ids bigint[]  $2 phones text[]  $3 external_ids text[]  $4 names text[]  $5 emails text[]
-- $6 timezones text[]  $7 regions text[]  $8 place_ids integer[]  $9 priorities text[]
-- $10 appointment_ats_ms bigint[]  $11 consents text[]  $12 tags text[] (joined by U+001F)
-- $13 variables text[]  $14 statuses text[]  $15 agent_ids bigint[]  $16 batch_ids bigint[]
-- $17 versions integer[]  $18 now timestamptz
UPDATE lead AS le
SET phone = g.phone, external_id = g.external_id, name = g.name, email = g.email, timezone = g.timezone,
    region = g.region, place_id = g.place_id, priority = g.priority,
    appointment_at = timestamptz 'epoch' + g.appointment_at_ms * interval '1 millisecond',
    consent = g.consent::json, tags = string_to_array(g.tags, U&'\001F'), variables = g.variables::json,
    status = g.status, agent_id = g.agent_id, batch_id = g.batch_id, version = g.version, updated_at = $18
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::integer[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[],
            $15::bigint[], $16::bigint[], $17::integer[])
    AS g (lead_id, phone, external_id, name, email, timezone, region, place_id, priority, appointment_at_ms,
          consent, tags, variables, status, agent_id, batch_id, version)
WHERE le.lead_id = g.lead_id;
