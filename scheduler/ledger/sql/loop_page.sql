-- loop_page: ids of a page of the account's loops.
-- $1 account_id bigint  $2 after bigint (null: from the start)  $3 descending boolean  $4 limit integer
-- $5 created tstzrange
-- Each of the rest narrows, null: any. $6 lead_ids bigint[]  $7 agent_ids bigint[]  $8 batch_ids bigint[]
-- $9 cadence_ids bigint[]  $10 statuses text[]  $11 for somebody boolean (of those that wait for a callback: whether a
-- person of ours is waited for)  $12 end_reasons text[]
SELECT lo.loop_id
FROM loop AS lo
WHERE lo.account_id = $1
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN lo.loop_id < $2 ELSE lo.loop_id > $2 END)
  AND ($6::bigint[] IS NULL OR (lo.lead_id = ANY($6::bigint[]) AND lo.status <> 'ended')  -- each has an index of its own
       OR (lo.lead_id = ANY($6::bigint[]) AND lo.status = 'ended'))
  AND ($7::bigint[] IS NULL OR lo.agent_id = ANY($7::bigint[]))
  AND ($8::bigint[] IS NULL OR lo.batch_id = ANY($8::bigint[]))
  AND ($9::bigint[] IS NULL OR lo.cadence_id = ANY($9::bigint[]))
  AND ($10::text[] IS NULL OR lo.status = ANY($10::text[]))
  AND ($11::boolean IS NULL OR lo.status <> 'waiting_callback' OR (lo.next_kind <> 'callback') = $11)
  AND ($12::text[] IS NULL OR lo.end_reason = ANY($12::text[]))
  AND lo.started_at <@ $5::tstzrange
ORDER BY CASE WHEN $3 THEN lo.loop_id END DESC, CASE WHEN NOT $3 THEN lo.loop_id END
LIMIT $4;
