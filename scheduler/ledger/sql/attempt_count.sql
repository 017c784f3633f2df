-- attempt_count: how many of the account's attempts match.
-- $1 account_id bigint  Each of the rest narrows, null: any. $2 lead_ids bigint[]  $3 loop_ids bigint[]  $4 agent_ids bigint[]
-- $5 batch_ids bigint[]  $6 cadence_ids bigint[]  $7 states text[]  $8 outcomes text[]  $9 channels text[]
-- $10 due from timestamptz  $11 due until  $12 dispatched from  $13 dispatched until  $14 created tstzrange
SELECT count(*) AS count
FROM attempt AS a
WHERE a.account_id = $1
  AND a.state <> 'not_sent'
  AND ($2::bigint[] IS NULL OR a.loop_id = ANY(ARRAY(
          SELECT lo.loop_id FROM loop AS lo  -- each has an index of its own
          WHERE (lo.lead_id = ANY($2::bigint[]) AND lo.status <> 'ended')
             OR (lo.lead_id = ANY($2::bigint[]) AND lo.status = 'ended'))))
  AND ($3::bigint[] IS NULL OR a.loop_id = ANY($3::bigint[]))
  AND ($4::bigint[] IS NULL OR a.agent_id = ANY($4::bigint[]))
  AND ($5::bigint[] IS NULL OR a.batch_id = ANY($5::bigint[]))
  AND ($6::bigint[] IS NULL OR a.cadence_id = ANY($6::bigint[]))
  AND ($7::text[] IS NULL OR a.state = ANY($7::text[]))
  AND ($8::text[] IS NULL OR a.outcome = ANY($8::text[]))
  AND ($9::text[] IS NULL OR a.channel = ANY($9::text[]))
  AND ($10::timestamptz IS NULL OR a.due_at >= $10)
  AND ($11::timestamptz IS NULL OR a.due_at < $11)
  AND ($12::timestamptz IS NULL OR a.dispatched_at >= $12)
  AND ($13::timestamptz IS NULL OR a.dispatched_at < $13)
  AND a.armed_at <@ $14::tstzrange;
