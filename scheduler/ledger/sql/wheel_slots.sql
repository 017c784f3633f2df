-- wheel_slots: how many loops of an account are due in each stretch of time, by class.
-- What is held back has an index of its own, by lane: two ranges, each read from its index.
-- $1 account_id bigint  $2 from timestamptz  $3 until timestamptz  $4 length of a stretch interval
WITH due AS (
    SELECT lane_id, next_at
    FROM loop
    WHERE account_id = $1 AND NOT held AND next_at >= $2 AND next_at < $3
    UNION ALL
    SELECT lo.lane_id, lo.next_at
    FROM lane AS la
    JOIN loop AS lo USING (lane_id)
    WHERE la.account_id = $1 AND lo.held AND lo.next_at >= $2 AND lo.next_at < $3
)
SELECT floor(extract(epoch FROM due.next_at - $2) / extract(epoch FROM $4::interval))::integer AS slot,
       la.class,
       count(*) AS loops
FROM due
JOIN lane AS la USING (lane_id)
GROUP BY slot, la.class;
