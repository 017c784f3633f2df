-- delivery_page: a page of a webhook's deliveries, read by its index in either direction.
-- $1 account_id bigint  $2 webhook_id bigint  $3 states text[] (null: all)  $4 after bigint (null: from the start)
-- $5 descending boolean  $6 limit integer  $7 created tstzrange
WITH page AS (
    (SELECT delivery_id
     FROM delivery
     WHERE NOT $5::boolean AND account_id = $1 AND webhook_id = $2 AND delivery_id > coalesce($4, 0)
       AND ($3::text[] IS NULL OR state = ANY($3::text[]))
       AND created_at <@ $7::tstzrange
     ORDER BY delivery_id
     LIMIT $6)
    UNION ALL
    (SELECT delivery_id
     FROM delivery
     WHERE $5::boolean AND account_id = $1 AND webhook_id = $2 AND delivery_id < coalesce($4, 9223372036854775807)
       AND ($3::text[] IS NULL OR state = ANY($3::text[]))
       AND created_at <@ $7::tstzrange
     ORDER BY delivery_id DESC
     LIMIT $6)
)
SELECT d.delivery_id, d.webhook_id, d.kind, d.after_seq, d.events, d.state, d.tries, d.next_at, d.tried_at, d.status,
       d.error, d.created_at, d.updated_at
FROM page
JOIN delivery AS d USING (delivery_id)
ORDER BY CASE WHEN $5::boolean THEN -d.delivery_id ELSE d.delivery_id END;
