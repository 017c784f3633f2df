-- delivery_count: how many deliveries a webhook has.
-- $1 account_id bigint  $2 webhook_id bigint  $3 states text[] (null: all)  $4 created tstzrange
SELECT count(*) AS count
FROM delivery
WHERE account_id = $1
  AND webhook_id = $2
  AND ($3::text[] IS NULL OR state = ANY($3::text[]))
  AND created_at <@ $4::tstzrange;
