-- quarantine_doubtful: loops that were due in the forgotten time: somebody may have called them.
-- $1 seen_at timestamptz  $2 after_loop_id bigint  $3 limit integer
-- Rows: loop_id
SELECT loop_id
FROM loop
WHERE next_at <= $1 AND loop_id > $2
ORDER BY loop_id
LIMIT $3;
