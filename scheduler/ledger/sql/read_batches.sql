-- read_batches: a page of the account's batches, without their counts.
-- $1 account_id bigint  $2 after bigint (null: from the start)  $3 descending boolean  $4 limit integer
-- $5 created tstzrange  $6 statuses text[] (null: any)  $7 agent_ids bigint[] (null: any)
SELECT batch_id, name, priority, agent_id, cadence_id, throttle, status, created_at, updated_at
FROM batch
WHERE account_id = $1
  AND ($2::bigint IS NULL OR CASE WHEN $3::boolean THEN batch_id < $2 ELSE batch_id > $2 END)
  AND created_at <@ $5::tstzrange
  AND ($6::text[] IS NULL OR status = ANY($6::text[]))
  AND ($7::bigint[] IS NULL OR agent_id = ANY($7::bigint[]))
ORDER BY CASE WHEN $3::boolean THEN -batch_id ELSE batch_id END
LIMIT $4;
