-- batch_pace: a batch's pace and status.
-- $1 batch_id bigint
SELECT status, throttle FROM batch WHERE batch_id = $1;
