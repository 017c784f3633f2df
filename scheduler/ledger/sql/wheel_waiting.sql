-- wheel_waiting: how many loops of an account wait for their time on each lane, and when the next is due there.
-- $1 account_id bigint  $2 now timestamptz
-- Rows: lane_id, loops, of which due by now (and held back for their pace), within a minute, within an hour;
--       next_at: the first after now
SELECT lane_id,
       count(*) AS loops,
       count(*) FILTER (WHERE next_at <= $2) AS due,
       count(*) FILTER (WHERE next_at <= $2 AND held) AS held,
       count(*) FILTER (WHERE next_at <= $2::timestamptz + interval '1 minute') AS minute,
       count(*) FILTER (WHERE next_at <= $2::timestamptz + interval '1 hour') AS hour,
       min(next_at) FILTER (WHERE next_at > $2) AS next_at
FROM loop
WHERE account_id = $1 AND next_at IS NOT NULL
GROUP BY lane_id;
