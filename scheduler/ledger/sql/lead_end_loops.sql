-- lead_end_loops: end what is followed up of leads, which are locked; a call under way ends by itself.
-- $1 lead_ids bigint[]  $2 end_reason text  $3 lead_status text  $4 now timestamptz
-- Rows: loop_id, lane_id, shard of the loops that ended
WITH over AS (
    UPDATE loop AS lo
    SET status = 'ended', end_reason = $2, ended_at = $4, next_at = NULL, open_until = NULL, held = false
    FROM lane AS la
    WHERE lo.lead_id = ANY($1::bigint[])
      AND lo.status <> 'ended'
      AND la.lane_id = lo.lane_id
    RETURNING lo.lead_id, lo.loop_id, lo.lane_id, la.shard
),
leads AS (
    UPDATE lead AS le
    SET status = $3, version = le.version + 1, updated_at = $4
    FROM over
    WHERE le.lead_id = over.lead_id
)
SELECT lead_id, loop_id, lane_id, shard FROM over;
