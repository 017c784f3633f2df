-- webhook_page: a page of the account's webhooks; by id when webhook_ids are given.
-- $1 account_id bigint  $2 webhook_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT webhook_id, url, types, mode, status, disabled_at, disabled_reason, old_secret_until, failing_since,
       replay_seq, created_at, updated_at
FROM webhook
WHERE account_id = $1
  AND ($2::bigint[] IS NULL OR webhook_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN webhook_id < $3 ELSE webhook_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -webhook_id ELSE webhook_id END
LIMIT $5;
