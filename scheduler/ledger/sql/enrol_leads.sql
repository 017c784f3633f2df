-- enrol_leads: make the leads that are new and not suppressed. The others are left out: see enrol_lock.
-- In order of phone, so that two imports of the same file wait for each other instead of deadlocking.
-- $1 account_id bigint  $2 agent_id bigint  $3 batch_id bigint  $4 now timestamptz
-- $5 phones text[]  $6 external_ids text[]  $7 names text[]  $8 emails text[]  $9 timezones text[]
-- $10 regions text[]  $11 place_ids integer[]  $12 priorities text[]  $13 appointment_ats_ms bigint[]
-- $14 consents text[]  $15 tags text[] (joined by U+001F)  $16 variables text[]  $17 statuses text[]
-- $18 marks text[]: keyed hashes of the phones, all that is left of the suppressions of erased people
-- Rows: lead_id, phone of those made
INSERT INTO lead (account_id, agent_id, batch_id, phone, external_id, name, email, timezone, region,
                  place_id, priority, appointment_at, consent, tags, variables, status, created_at, updated_at)
SELECT $1, $2, $3, g.phone, g.external_id, g.name, g.email, g.timezone, g.region, g.place_id, g.priority,
       timestamptz 'epoch' + g.appointment_at_ms * interval '1 millisecond', g.consent::json,
       string_to_array(g.tags, U&'\001F'), g.variables::json, g.status, $4, $4
FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::integer[],
            $12::text[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[],
            $18::text[])
    AS g (phone, external_id, name, email, timezone, region, place_id, priority, appointment_at_ms,
          consent, tags, variables, status, mark)
WHERE NOT EXISTS (SELECT FROM suppression AS s WHERE s.account_id = $1 AND s.phone = g.phone)
  AND NOT EXISTS (SELECT FROM suppression_mark AS m WHERE m.account_id = $1 AND m.mark = g.mark)
ORDER BY g.phone
ON CONFLICT DO NOTHING
RETURNING lead_id, phone;
