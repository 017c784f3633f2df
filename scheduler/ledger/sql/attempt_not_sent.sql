-- attempt_not_sent: nothing left the building: the permit is void, the loop is back to what it was.
-- $1 attempt_ids bigint[]  $2 permits uuid[]  $3 next_ats timestamptz[]  $4 errors text[]
-- Rows: attempt_id, loop_id of those taken back; lane_id, next_at where the loop waits again: it may have ended
WITH back AS (
    UPDATE attempt AS a
    SET state = 'not_sent', error = s.error
    FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[])
        AS s (attempt_id, permit, next_at, error)
    WHERE a.attempt_id = s.attempt_id AND a.permit = s.permit AND a.state IN ('armed', 'unknown')
    RETURNING a.attempt_id, a.loop_id, a.kind, s.next_at
),
loops AS (
    UPDATE loop AS lo
    SET status = CASE WHEN b.kind = 'callback' THEN 'waiting_callback' ELSE 'scheduled' END, next_at = b.next_at
    FROM back AS b
    WHERE lo.loop_id = b.loop_id AND lo.status = 'dialing'
    RETURNING lo.loop_id, lo.lane_id, lo.next_at
)
SELECT b.attempt_id, b.loop_id, l.lane_id, l.next_at
FROM back AS b
LEFT JOIN loops AS l USING (loop_id);
