-- lead_prioritize: give leads, which are locked, a priority.
-- $1 lead_ids bigint[]  $2 priority text  $3 now timestamptz
-- Rows: lead_id of those changed
UPDATE lead
SET priority = $2, version = version + 1, updated_at = $3
WHERE lead_id = ANY($1::bigint[])
  AND priority <> $2
RETURNING lead_id;
