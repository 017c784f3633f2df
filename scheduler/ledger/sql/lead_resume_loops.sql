-- lead_resume_loops: let the loops of leads, which are locked, go on; they are planned anew after this.
-- $1 lead_ids bigint[]  $2 now timestamptz
-- Rows: lead_id, loop_id of those that go on
WITH going AS (
    UPDATE loop
    SET status = 'scheduled', next_at = $2
    WHERE lead_id = ANY($1::bigint[])
      AND status = 'paused'
    RETURNING lead_id, loop_id
)
UPDATE lead AS le
SET updated_at = $2
FROM going
WHERE le.lead_id = going.lead_id
RETURNING le.lead_id, going.loop_id;
