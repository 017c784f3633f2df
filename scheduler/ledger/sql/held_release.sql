-- held_release: what was held back belongs on the wheel from now on.
-- $1 lead_ids bigint[] (locked)
-- Rows: loop_id, lane_id, next_at of those released
UPDATE loop AS lo
SET held = false
WHERE lo.lead_id = ANY($1::bigint[])
  AND lo.status <> 'ended'
  AND lo.held
  AND lo.next_at IS NOT NULL
RETURNING lo.loop_id, lo.lane_id, lo.next_at;
