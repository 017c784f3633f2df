-- attempt_overdue: live attempts without any news since their arm, oldest first.
-- $1 armed_before timestamptz  $2 limit integer
SELECT attempt_id, state, armed_at
FROM attempt
WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call') AND armed_at < $1
ORDER BY armed_at
LIMIT $2;
