-- attempt_whose: an attempt's lead and how it stands.
-- $1 account_id bigint  $2 attempt_id bigint
SELECT a.attempt_id, a.lead_id, a.loop_id, a.state, a.outcome, a.armed_at, le.phone
FROM attempt AS a
JOIN lead AS le USING (lead_id)
WHERE a.account_id = $1 AND a.attempt_id = $2 AND a.state <> 'not_sent';
