-- loop_end: end waiting loops for a reason, and give their leads a status.
-- $1 loop_ids bigint[]  $2 end_reason text  $3 lead_status text  $4 now timestamptz
WITH over AS (
    UPDATE loop AS lo
    SET status = 'ended', end_reason = $2, ended_at = $4, next_at = NULL, open_until = NULL
    WHERE lo.loop_id = ANY($1::bigint[]) AND lo.status IN ('scheduled', 'waiting_callback')
    RETURNING lo.lead_id
)
UPDATE lead AS le
SET status = $3, updated_at = $4
FROM over
WHERE le.lead_id = over.lead_id;
