-- attempt_not_sent: nothing left the building: the permit is void, the loop is back to what it was, and
-- the call is taken off the day's count of its caller id.
-- $1 attempt_ids bigint[]  $2 permits uuid[]  $3 next_ats timestamptz[]  $4 errors text[]
-- Rows: attempt_id, loop_id of those taken back; lane_id, next_at where the loop waits again: it may have ended
WITH back AS (
    UPDATE attempt AS a
    SET state = 'not_sent', error = s.error
    FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[])
        AS s (attempt_id, permit, next_at, error)
    WHERE a.attempt_id = s.attempt_id AND a.permit = s.permit AND a.state IN ('armed', 'unknown')
    RETURNING a.attempt_id, a.loop_id, a.kind, a.account_id, a.caller_id, a.caller_id_day, s.next_at
),
loops AS (
    UPDATE loop AS lo
    SET status = CASE WHEN b.kind = 'callback' THEN 'waiting_callback' ELSE 'scheduled' END, next_at = b.next_at,
        asked_in_call = false
    FROM back AS b
    WHERE lo.loop_id = b.loop_id AND lo.status = 'dialing'
    RETURNING lo.loop_id, lo.lane_id, lo.next_at
),
uncounted AS MATERIALIZED (                    -- locked in the order in which the arm counts
    SELECT u.caller_id_id, u.day, n.calls
    FROM (SELECT c.caller_id_id, b.caller_id_day AS day, count(*)::integer AS calls
          FROM back AS b
          JOIN caller_id AS c ON c.account_id = b.account_id AND c.phone = b.caller_id
          GROUP BY c.caller_id_id, b.caller_id_day) AS n
    JOIN caller_id_use AS u USING (caller_id_id, day)
    ORDER BY u.caller_id_id, u.day
    FOR NO KEY UPDATE OF u
),
given_back AS (
    UPDATE caller_id_use AS u
    SET used = u.used - n.calls
    FROM uncounted AS n
    WHERE u.caller_id_id = n.caller_id_id AND u.day = n.day
)
SELECT b.attempt_id, b.loop_id, l.lane_id, l.next_at
FROM back AS b
LEFT JOIN loops AS l USING (loop_id);
