-- callback_page: a page of the account's callbacks. One whose loop is over is canceled, whatever is written down.
-- $1 account_id bigint  $2 callback_ids bigint[] (null: all)  $3 after bigint (null: from the start)  $4 descending
-- boolean  $5 limit integer. Each of the rest narrows, null: any. $6 lead_ids bigint[]  $7 agent_ids bigint[]
-- $8 statuses text[]  $9 at_from timestamptz  $10 at_until timestamptz
SELECT cb.callback_id, cb.lead_id, cb.loop_id, cb.attempt_id, cb.at, cb.from_at, cb.until_at, cb.confidence, cb.said,
       cb.note, cb.source, cb.created_at, cb.updated_at, st.status, lo.agent_id,
       CASE WHEN st.status IN ('scheduled', 'due') AND lo.next_kind = 'callback' THEN lo.next_at END AS planned_at,
       pl.own_zones, ac.timezone AS account_timezone
FROM callback AS cb
JOIN loop AS lo USING (loop_id)
JOIN lead AS le ON le.lead_id = cb.lead_id
JOIN place AS pl USING (place_id)
JOIN account AS ac ON ac.account_id = cb.account_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN cb.status IN ('scheduled', 'due') AND lo.status = 'ended' THEN 'canceled' ELSE cb.status END AS status
) AS st
WHERE cb.account_id = $1
  AND ($2::bigint[] IS NULL OR cb.callback_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN cb.callback_id < $3 ELSE cb.callback_id > $3 END)
  AND ($6::bigint[] IS NULL OR cb.lead_id = ANY($6::bigint[]))
  AND ($7::bigint[] IS NULL OR lo.agent_id = ANY($7::bigint[]))
  AND ($8::text[] IS NULL OR st.status = ANY($8::text[]))
  AND ($9::timestamptz IS NULL OR cb.at >= $9)
  AND ($10::timestamptz IS NULL OR cb.at < $10)
ORDER BY CASE WHEN $4 THEN cb.callback_id END DESC, CASE WHEN NOT $4 THEN cb.callback_id END
LIMIT $5;
