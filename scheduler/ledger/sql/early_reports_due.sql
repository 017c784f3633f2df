-- early_reports_due: reports that were kept, on attempts that are known by now, as they came.
-- $1 most integer
SELECT er.attempt_id, er.event_id, er.report
FROM early_report AS er
WHERE EXISTS (SELECT FROM attempt AS a WHERE a.attempt_id = er.attempt_id)
ORDER BY er.received_at
LIMIT $1;
