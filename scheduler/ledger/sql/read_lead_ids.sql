-- read_lead_ids: which leads a filter finds, newest first; what is null does not filter.
-- $1 account_id bigint  $2 phone text  $3 external_id text  $4 email text  $5 name text (LIKE pattern)
-- $6 statuses text[]  $7 agent_id bigint  $8 batch_id bigint  $9 before bigint  $10 limit integer
SELECT lead_id
FROM lead
WHERE account_id = $1
  AND ($2::text IS NULL OR phone = $2)
  AND ($3::text IS NULL OR external_id = $3)
  AND ($4::text IS NULL OR lower(email) = lower($4))
  AND ($5::text IS NULL OR name ILIKE $5)
  AND ($6::text[] IS NULL OR status = ANY($6::text[]))
  AND ($7::bigint IS NULL OR agent_id = $7)
  AND ($8::bigint IS NULL OR batch_id = $8)
  AND ($9::bigint IS NULL OR lead_id < $9)
ORDER BY lead_id DESC
LIMIT $10;
