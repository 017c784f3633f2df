-- dnc_end: end what is planned for leads whose phones may not be called any more.
-- $1 lead_ids bigint[]  $2 now timestamptz
-- Rows: loop_id, lane_id, shard of the loops that ended
WITH opted AS (
    UPDATE lead
    SET status = 'opted_out', version = version + 1, updated_at = $2
    WHERE lead_id = ANY($1::bigint[])
      AND status <> 'opted_out'
)
UPDATE loop AS lo
SET status = 'ended', end_reason = 'dnc', ended_at = $2, next_at = NULL, open_until = NULL
FROM lane AS la
WHERE lo.lead_id = ANY($1::bigint[])
  AND lo.status <> 'ended'
  AND la.lane_id = lo.lane_id
RETURNING lo.loop_id, lo.lane_id, la.shard;
