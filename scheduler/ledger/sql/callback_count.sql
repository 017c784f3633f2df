-- callback_count: how many callbacks the account has.
-- $1 account_id bigint. Each of the rest narrows, null: any, as in callback_page: $2 lead_ids bigint[]
-- $3 agent_ids bigint[]  $4 statuses text[]  $5 at_from timestamptz  $6 at_until timestamptz
-- $7 created tstzrange
SELECT count(*) AS count
FROM callback AS cb
JOIN loop AS lo USING (loop_id)
WHERE cb.account_id = $1
  AND ($2::bigint[] IS NULL OR cb.lead_id = ANY($2::bigint[]))
  AND ($3::bigint[] IS NULL OR lo.agent_id = ANY($3::bigint[]))
  AND ($4::text[] IS NULL
       OR CASE WHEN cb.status IN ('scheduled', 'due') AND lo.status = 'ended' THEN 'canceled' ELSE cb.status END
          = ANY($4::text[]))
  AND ($4::text[] IS NULL OR cb.status = ANY(CASE WHEN 'canceled' = ANY($4) THEN $4 || '{scheduled,due}'::text[] ELSE $4 END))
  AND ($5::timestamptz IS NULL OR cb.at >= $5)
  AND ($6::timestamptz IS NULL OR cb.at < $6)
  AND cb.created_at <@ $7::tstzrange;
