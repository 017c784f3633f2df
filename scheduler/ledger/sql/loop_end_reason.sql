-- loop_end_reason: why a loop is over.
-- $1 loop_id bigint
SELECT end_reason FROM loop WHERE loop_id = $1;
