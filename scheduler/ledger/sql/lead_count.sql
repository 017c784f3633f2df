-- lead_count: how many leads a filter finds; what is null does not filter.
-- $1 to $12 as in lead_page  $13 lead_ids bigint[]  $14 cadence_ids bigint[]  $15 most bigint: no more are counted
-- Rows: count
SELECT count(*) AS count
FROM (SELECT
FROM lead
WHERE account_id = $1
  AND erased_at IS NULL
  AND ($2::text IS NULL OR phone = $2)
  AND ($3::text[] IS NULL OR external_id = ANY($3::text[]))
  AND ($4::text IS NULL OR (lower(email) = lower($4) AND email <> ''))
  AND ($5::text IS NULL OR name ILIKE $5)
  AND ($6::text[] IS NULL OR status = ANY($6::text[]))
  AND ($7::bigint[] IS NULL OR agent_id = ANY($7::bigint[]))
  AND ($8::bigint[] IS NULL OR batch_id = ANY($8::bigint[]))
  AND ($9::text IS NULL OR priority = $9)
  AND ($10::text[] IS NULL OR (tags @> $10::text[] AND tags <> '{}'))
  AND ($11::timestamptz IS NULL OR created_at >= $11)
  AND ($12::timestamptz IS NULL OR created_at < $12)
  AND ($13::bigint[] IS NULL OR lead_id = ANY($13::bigint[]))
  AND ($14::bigint[] IS NULL
       OR EXISTS (SELECT FROM loop AS lo
                  WHERE lo.lead_id = lead.lead_id AND lo.status <> 'ended' AND lo.cadence_id = ANY($14::bigint[])))
LIMIT $15::bigint) AS found;
