-- lead_page: ids of leads that a filter finds, in order; what is null does not filter. Planned anew for each call
-- (lead_custom_plans): what does not apply is gone from the plan then, and the order is that of an index.
-- $1 account_id bigint  $2 phone text  $3 external_ids text[]  $4 email text  $5 name text (LIKE pattern)
-- $6 statuses text[]  $7 agent_ids bigint[]  $8 batch_ids bigint[]  $9 priority text  $10 tags text[] (all of them)
-- $11 from timestamptz  $12 until timestamptz: of created_at
-- $13 sort text: created_at, updated_at, contacted_at, name or attempts_count  $14 descending boolean
-- $15 after_id bigint (null: from the beginning)  $16 after_at timestamptz  $17 after_text text
-- $18 after_number integer: the last lead of the page before, and what it is sorted by
-- $19 limit integer  $20 lead_ids bigint[]  $21 cadence_ids bigint[]: of their loop
-- Rows: lead_id and what it is sorted by, as at, text or number
SELECT lead_id,
       CASE $13 WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN updated_at
                WHEN 'contacted_at' THEN coalesce(contacted_at, 'epoch') END AS at,
       CASE WHEN $13 = 'name' THEN name END AS text,
       CASE WHEN $13 = 'attempts_count' THEN attempts_count END AS number
FROM lead
WHERE account_id = $1
  AND erased_at IS NULL
  AND ($2::text IS NULL OR phone = $2)
  AND ($3::text[] IS NULL OR external_id = ANY($3::text[]))
  AND ($4::text IS NULL OR (lower(email) = lower($4) AND email <> ''))
  AND ($5::text IS NULL OR name ILIKE $5)
  AND CASE WHEN $6::text[] IS NULL THEN true
           WHEN cardinality($6) = 1 THEN status = ($6)[1]  -- in the order of an index
           ELSE status = ANY($6) END
  AND CASE WHEN $7::bigint[] IS NULL THEN true
           WHEN cardinality($7) = 1 THEN agent_id = ($7)[1]  -- in the order of an index
           ELSE agent_id = ANY($7) END
  AND CASE WHEN $8::bigint[] IS NULL THEN true
           WHEN cardinality($8) = 1 THEN batch_id = ($8)[1]  -- in the order of an index
           ELSE batch_id = ANY($8) END
  AND ($9::text IS NULL OR priority = $9)
  AND ($20::bigint[] IS NULL OR lead_id = ANY($20::bigint[]))
  AND ($10::text[] IS NULL OR (tags @> $10::text[] AND tags <> '{}'))
  AND ($11::timestamptz IS NULL OR created_at >= $11)
  AND ($12::timestamptz IS NULL OR created_at < $12)
  AND ($21::bigint[] IS NULL
       OR EXISTS (SELECT FROM loop AS lo
                  WHERE lo.lead_id = lead.lead_id AND lo.status <> 'ended' AND lo.cadence_id = ANY($21::bigint[])))
  AND CASE WHEN $15::bigint IS NULL THEN true
           WHEN $13 = 'created_at' AND $14::boolean THEN (created_at, lead_id) < ($16::timestamptz, $15)
           WHEN $13 = 'created_at' THEN (created_at, lead_id) > ($16::timestamptz, $15)
           WHEN $13 = 'updated_at' AND $14 THEN (updated_at, lead_id) < ($16, $15)
           WHEN $13 = 'updated_at' THEN (updated_at, lead_id) > ($16, $15)
           WHEN $13 = 'contacted_at' AND $14 THEN (coalesce(contacted_at, 'epoch'), lead_id) < ($16, $15)
           WHEN $13 = 'contacted_at' THEN (coalesce(contacted_at, 'epoch'), lead_id) > ($16, $15)
           WHEN $13 = 'name' AND $14 THEN (name, lead_id) < ($17::text, $15)
           WHEN $13 = 'name' THEN (name, lead_id) > ($17::text, $15)
           WHEN $14 THEN (attempts_count, lead_id) < ($18::integer, $15)
           ELSE (attempts_count, lead_id) > ($18::integer, $15) END
ORDER BY CASE WHEN $13 = 'created_at' AND $14 THEN created_at END DESC,
         CASE WHEN $13 = 'created_at' AND NOT $14 THEN created_at END,
         CASE WHEN $13 = 'updated_at' AND $14 THEN updated_at END DESC,
         CASE WHEN $13 = 'updated_at' AND NOT $14 THEN updated_at END,
         CASE WHEN $13 = 'contacted_at' AND $14 THEN coalesce(contacted_at, 'epoch') END DESC,
         CASE WHEN $13 = 'contacted_at' AND NOT $14 THEN coalesce(contacted_at, 'epoch') END,
         CASE WHEN $13 = 'name' AND $14 THEN name END DESC,
         CASE WHEN $13 = 'name' AND NOT $14 THEN name END,
         CASE WHEN $13 = 'attempts_count' AND $14 THEN attempts_count END DESC,
         CASE WHEN $13 = 'attempts_count' AND NOT $14 THEN attempts_count END,
         CASE WHEN $14 THEN lead_id END DESC,
         CASE WHEN NOT $14 THEN lead_id END
LIMIT $19;
