-- loop_next_due: the earliest instant, at or after $1, at which a waiting loop is due that is not held back.
-- $1 from timestamptz
SELECT min(next_at) AS next_at FROM loop WHERE next_at IS NOT NULL AND NOT held AND next_at >= $1;
