-- arm_in_doubt: what an arm whose answer was lost has armed after all. Run after arm_lock, in its transaction: an
-- arm that is still under way has ended then.
-- $1 loop_ids bigint[]  $2 permits uuid[]
-- Rows: attempt_id, loop_id, permit
SELECT a.attempt_id, a.loop_id, a.permit
FROM attempt AS a
WHERE a.loop_id = ANY($1::bigint[]) AND a.permit = ANY($2::uuid[]) AND a.state IN ('armed', 'unknown');
