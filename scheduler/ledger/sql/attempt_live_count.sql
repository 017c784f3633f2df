-- attempt_live_count: how many calls may be under way.
SELECT count(*) AS live
FROM attempt
WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
