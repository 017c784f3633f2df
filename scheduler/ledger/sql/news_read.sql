-- news_read: events of an account after one and up to another, in their order.
-- $1 account_id bigint  $2 after bigint  $3 upto bigint (one there is)  $4 types text[] or null
-- $5 lead_id bigint or null  $6 batch_id bigint or null  $7 limit integer  $8 created tstzrange
-- Rows: number, type, at, id, lead_id, batch_id, extra
SELECT n.seq - cardinality(n.ids) + e.place AS number, n.type, n.at, e.id,
       CASE WHEN n.type LIKE 'lead.%' THEN e.id ELSE e.lead_id END AS lead_id,
       nullif(coalesce(e.batch_id, n.batch_ids[1]), 0) AS batch_id, n.extra
FROM news AS n
CROSS JOIN LATERAL unnest(n.ids, n.lead_ids, n.batch_ids)
    WITH ORDINALITY AS e (id, lead_id, batch_id, place)
WHERE n.account_id = $1
  AND n.seq > $2
  AND n.seq <= (SELECT min(seq) FROM news WHERE account_id = $1 AND seq >= $3)
  AND ($4::text[] IS NULL OR n.type = ANY($4))
  AND n.at <@ $8::tstzrange
  AND ($5::bigint IS NULL OR $5 = ANY(CASE WHEN n.type LIKE 'lead.%' THEN n.ids ELSE n.lead_ids END))
  AND ($6::bigint IS NULL OR $6 = ANY(n.batch_ids))
  AND n.seq - cardinality(n.ids) + e.place > $2
  AND n.seq - cardinality(n.ids) + e.place <= $3
  AND ($5::bigint IS NULL OR $5 = CASE WHEN n.type LIKE 'lead.%' THEN e.id ELSE e.lead_id END)
  AND ($6::bigint IS NULL OR $6 = coalesce(e.batch_id, n.batch_ids[1]))
ORDER BY n.seq, e.place
LIMIT $7;
