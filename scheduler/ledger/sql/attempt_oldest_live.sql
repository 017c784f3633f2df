-- attempt_oldest_live: when the oldest call that may be under way was armed.
SELECT min(armed_at) AS armed_at
FROM attempt
WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
