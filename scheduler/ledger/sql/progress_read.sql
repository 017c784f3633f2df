-- progress_read: attempts that go on after this news: how they stand and whose they are.
-- $1 attempt_ids bigint[]
SELECT attempt_id, state, account_id, lead_id, loop_id, batch_id, lane_id, due_at, armed_at
FROM attempt
WHERE attempt_id = ANY($1::bigint[]);
