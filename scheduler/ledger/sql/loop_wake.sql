-- loop_wake: a loop that waits for a result goes on, from now.
-- $1 loop_id bigint  $2 now timestamptz
UPDATE loop
SET status = 'waiting_callback', next_at = $2, open_until = $2, next_kind = 'cadence', next_channel = 'call',
    next_step = coalesce(next_step, step)
WHERE loop_id = $1 AND status = 'awaiting_result';
