-- opt_out_end: end what is planned for a lead that opted out, whatever state its loop is in.
-- $1 lead_id bigint  $2 now timestamptz
-- Rows: loop_id, lane_id, shard of the loop that ended
WITH opted AS (
    UPDATE lead
    SET status = 'opted_out', version = version + 1, updated_at = $2
    WHERE lead_id = $1
    RETURNING lead_id
)
UPDATE loop AS lo
SET status = 'ended', end_reason = 'dnc', ended_at = $2, next_at = NULL, open_until = NULL
FROM opted AS o, lane AS la
WHERE lo.lead_id = o.lead_id
  AND lo.status <> 'ended'
  AND la.lane_id = lo.lane_id
RETURNING lo.loop_id, lo.lane_id, la.shard;
