-- report_said: what somebody said in the middle of a call, kept with the attempt while it is under way.
-- $1 attempt_id bigint  $2 disposition text
-- Rows: one, unless the call is over.
WITH person AS (
    SELECT lead_id FROM lead
    WHERE lead_id = (SELECT lead_id FROM attempt WHERE attempt_id = $1)
    FOR NO KEY UPDATE
)
UPDATE attempt AS a
SET disposition = $2
FROM person
WHERE a.attempt_id = $1
  AND a.lead_id = person.lead_id
  AND a.state NOT IN ('not_sent', 'done', 'canceled', 'skipped')
RETURNING a.attempt_id;
