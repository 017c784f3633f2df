-- loop_count: how many of the account's loops match.
-- $1 account_id bigint  Each of the rest narrows, null: any. $2 lead_ids bigint[]  $3 agent_ids bigint[]  $4 batch_ids bigint[]
-- $5 cadence_ids bigint[]  $6 statuses text[]  $7 for somebody boolean (of those that wait for a callback: whether a
-- person of ours is waited for)  $8 end_reasons text[]  $9 created tstzrange
SELECT count(*) AS count
FROM loop AS lo
WHERE lo.account_id = $1
  AND ($2::bigint[] IS NULL OR (lo.lead_id = ANY($2::bigint[]) AND lo.status <> 'ended')  -- each has an index of its own
       OR (lo.lead_id = ANY($2::bigint[]) AND lo.status = 'ended'))
  AND ($3::bigint[] IS NULL OR lo.agent_id = ANY($3::bigint[]))
  AND ($4::bigint[] IS NULL OR lo.batch_id = ANY($4::bigint[]))
  AND ($5::bigint[] IS NULL OR lo.cadence_id = ANY($5::bigint[]))
  AND ($6::text[] IS NULL OR lo.status = ANY($6::text[]))
  AND ($7::boolean IS NULL OR lo.status <> 'waiting_callback' OR (lo.next_kind <> 'callback') = $7)
  AND ($8::text[] IS NULL OR lo.end_reason = ANY($8::text[]))
  AND lo.started_at <@ $9::tstzrange;
