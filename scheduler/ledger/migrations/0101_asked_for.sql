-- The number that a call which somebody asked for is to show; and the day on which an account was last told who waits.
ALTER TABLE loop ADD COLUMN asked_caller_id bigint;   -- no foreign key: see 0001; of its next call, if that is manual
ALTER TABLE account ADD COLUMN waiting_told_on date;
