-- read_suppressions: entries of the list of phones that are never called.
-- $1 account_id bigint  $2 suppression_ids bigint[]
SELECT suppression_id, phone, reason, source, created_at
FROM suppression
WHERE account_id = $1
  AND suppression_id = ANY($2::bigint[]);
