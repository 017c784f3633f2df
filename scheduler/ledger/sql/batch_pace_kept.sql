-- batch_pace_kept: a batch's pace and status, which nobody changes until this transaction is over.
-- $1 batch_id bigint
SELECT status, throttle FROM batch WHERE batch_id = $1 FOR SHARE;
