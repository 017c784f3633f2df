-- arm_lock: the leads of these loops, locked in id order. The first of the arm's two statements: what the
-- second one reads is what was committed before the locks were had.
-- $1 loop_ids bigint[]
SELECT le.lead_id
FROM lead AS le
WHERE le.lead_id IN (SELECT lo.lead_id FROM loop AS lo WHERE lo.loop_id = ANY($1::bigint[]))
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
