-- cadence_step_ids: numbers for new steps.
-- $1 steps integer
SELECT nextval('cadence_step_id') AS step_id FROM generate_series(1, $1::integer);
