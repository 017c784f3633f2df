-- loop_page: ids of a page of the account's loops.
-- $1 account_id bigint  $2 after bigint (null: from the start)  $3 descending boolean  $4 limit integer
-- Each of the rest narrows, null: any. $5 lead_ids bigint[]  $6 agent_ids bigint[]  $7 batch_ids bigint[]
-- $8 cadence_ids bigint[]  $9 statuses text[]  $10 for somebody boolean (of those that wait for a callback: whether a
-- person of ours is waited for)  $11 end_reasons text[]
SELECT lo.loop_id
FROM loop AS lo
WHERE lo.account_id = $1
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN lo.loop_id < $2 ELSE lo.loop_id > $2 END)
  AND ($5::bigint[] IS NULL OR lo.lead_id = ANY($5::bigint[]))
  AND ($6::bigint[] IS NULL OR lo.agent_id = ANY($6::bigint[]))
  AND ($7::bigint[] IS NULL OR lo.batch_id = ANY($7::bigint[]))
  AND ($8::bigint[] IS NULL OR lo.cadence_id = ANY($8::bigint[]))
  AND ($9::text[] IS NULL OR lo.status = ANY($9::text[]))
  AND ($10::boolean IS NULL OR lo.status <> 'waiting_callback' OR (lo.next_kind <> 'callback') = $10)
  AND ($11::text[] IS NULL OR lo.end_reason = ANY($11::text[]))
ORDER BY CASE WHEN $3 THEN lo.loop_id END DESC, CASE WHEN NOT $3 THEN lo.loop_id END
LIMIT $4;
