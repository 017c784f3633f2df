-- batch_end_loops: end loops of a canceled batch, whatever state they are in; a call under way ends by itself.
-- $1 loop_ids bigint[] (their leads are locked)  $2 now timestamptz
WITH over AS (
    UPDATE loop AS lo
    SET status = 'ended', end_reason = 'removed', ended_at = $2, next_at = NULL, open_until = NULL, held = false
    WHERE lo.loop_id = ANY($1::bigint[])
      AND lo.status <> 'ended'
    RETURNING lo.lead_id
)
UPDATE lead AS le
SET status = 'closed', version = le.version + 1, updated_at = $2
FROM over
WHERE le.lead_id = over.lead_id;
