-- lead_pause_loops: stop the loops of leads, which are locked, but for those that are in a call.
-- $1 lead_ids bigint[]  $2 now timestamptz
-- Rows: lead_id of those stopped
WITH stopped AS (
    UPDATE loop
    SET status = 'paused', next_at = NULL, open_until = NULL, held = false
    WHERE lead_id = ANY($1::bigint[])
      AND status IN ('scheduled', 'waiting_callback', 'awaiting_result')
    RETURNING lead_id
)
UPDATE lead AS le
SET updated_at = $2
FROM stopped
WHERE le.lead_id = stopped.lead_id
RETURNING le.lead_id;
