-- callback_close: the open callbacks of leads, which are locked, were made or are made no more.
-- $1 lead_ids bigint[]  $2 status text  $3 now timestamptz
UPDATE callback
SET status = $2, updated_at = $3
WHERE lead_id = ANY($1::bigint[])
  AND status IN ('scheduled', 'due');
