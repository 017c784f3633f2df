-- batch_count: how many batches an account has.
-- $1 account_id bigint  $2 statuses text[] (null: any)  $3 agent_ids bigint[] (null: any)  $4 created tstzrange
SELECT count(*) AS count
FROM batch
WHERE account_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2::text[]))
  AND ($3::bigint[] IS NULL OR agent_id = ANY($3::bigint[]))
  AND created_at <@ $4::tstzrange;
