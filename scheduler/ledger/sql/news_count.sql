-- news_count: how many events of an account are kept that a filter lets through.
-- $1 account_id bigint  $2 types text[] or null  $3 lead_id bigint or null  $4 batch_id bigint or null
-- $5 created tstzrange
SELECT coalesce(sum(CASE WHEN $3::bigint IS NULL AND $4::bigint IS NULL THEN cardinality(n.ids) ELSE e.events END),
                0)::bigint AS events
FROM news AS n
LEFT JOIN LATERAL (
    SELECT count(*) AS events
    FROM unnest(n.ids, n.lead_ids, n.batch_ids) AS e (id, lead_id, batch_id)
    WHERE ($3::bigint IS NULL OR $3 = CASE WHEN n.type LIKE 'lead.%' THEN e.id ELSE e.lead_id END)
      AND ($4::bigint IS NULL OR $4 = coalesce(e.batch_id, n.batch_ids[1]))
) AS e ON $3::bigint IS NOT NULL OR $4::bigint IS NOT NULL
WHERE n.account_id = $1
  AND n.seq IS NOT NULL
  AND ($2::text[] IS NULL OR n.type = ANY($2))
  AND n.at <@ $5::tstzrange;
