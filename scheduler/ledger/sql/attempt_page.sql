-- attempt_page: ids of a page of the account's attempts; those that were never sent are not shown.
-- $1 account_id bigint  $2 after bigint (null: from the start)  $3 descending boolean  $4 limit integer
-- $5 created tstzrange
-- Each of the rest narrows, null: any. $6 lead_ids bigint[]  $7 loop_ids bigint[]  $8 agent_ids bigint[]
-- $9 batch_ids bigint[]  $10 cadence_ids bigint[]  $11 states text[]  $12 outcomes text[]  $13 channels text[]
-- $14 due from timestamptz  $15 due until  $16 dispatched from  $17 dispatched until
SELECT a.attempt_id
FROM attempt AS a
WHERE a.account_id = $1
  AND a.state <> 'not_sent'
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN a.attempt_id < $2 ELSE a.attempt_id > $2 END)
  AND ($6::bigint[] IS NULL OR a.loop_id = ANY(ARRAY(
          SELECT lo.loop_id FROM loop AS lo  -- each has an index of its own
          WHERE (lo.lead_id = ANY($6::bigint[]) AND lo.status <> 'ended')
             OR (lo.lead_id = ANY($6::bigint[]) AND lo.status = 'ended'))))
  AND ($7::bigint[] IS NULL OR a.loop_id = ANY($7::bigint[]))
  AND ($8::bigint[] IS NULL OR a.agent_id = ANY($8::bigint[]))
  AND ($9::bigint[] IS NULL OR a.batch_id = ANY($9::bigint[]))
  AND ($10::bigint[] IS NULL OR a.cadence_id = ANY($10::bigint[]))
  AND ($11::text[] IS NULL OR a.state = ANY($11::text[]))
  AND ($12::text[] IS NULL OR a.outcome = ANY($12::text[]))
  AND ($13::text[] IS NULL OR a.channel = ANY($13::text[]))
  AND ($14::timestamptz IS NULL OR a.due_at >= $14)
  AND ($15::timestamptz IS NULL OR a.due_at < $15)
  AND ($16::timestamptz IS NULL OR a.dispatched_at >= $16)
  AND ($17::timestamptz IS NULL OR a.dispatched_at < $17)
  AND a.armed_at <@ $5::tstzrange
ORDER BY CASE WHEN $3 THEN a.attempt_id END DESC, CASE WHEN NOT $3 THEN a.attempt_id END
LIMIT $4;
