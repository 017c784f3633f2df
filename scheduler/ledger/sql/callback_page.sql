-- callback_page: a page of the account's callbacks. One whose loop is over is canceled, whatever is written down.
-- $1 account_id bigint  $2 callback_ids bigint[] (null: all)  $3 after bigint (null: from the start)  $4 descending
-- boolean  $5 limit integer  $6 created tstzrange. Each of the rest narrows, null: any.
-- $7 lead_ids bigint[]  $8 agent_ids bigint[]  $9 statuses text[]  $10 at_from timestamptz  $11 at_until timestamptz
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
  AND ($7::bigint[] IS NULL OR cb.lead_id = ANY($7::bigint[]))
  AND ($8::bigint[] IS NULL OR lo.agent_id = ANY($8::bigint[]))
  AND ($9::text[] IS NULL OR st.status = ANY($9::text[]))
  AND ($9::text[] IS NULL OR cb.status = ANY(CASE WHEN 'canceled' = ANY($9) THEN $9 || '{scheduled,due}'::text[] ELSE $9 END))
  AND ($10::timestamptz IS NULL OR cb.at >= $10)
  AND ($11::timestamptz IS NULL OR cb.at < $11)
  AND cb.created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4 THEN cb.callback_id END DESC, CASE WHEN NOT $4 THEN cb.callback_id END
LIMIT $5;
