-- books_now: calls under way and what comes due in the next hour.
-- $1 now timestamptz
SELECT (SELECT count(*) FROM attempt
        WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call')) AS in_flight,
       (SELECT count(*) FROM loop
        WHERE next_at IS NOT NULL AND NOT held AND next_at < $1::timestamptz + interval '1 hour')
       + (SELECT count(*) FROM loop
          WHERE next_at IS NOT NULL AND held AND next_at < $1::timestamptz + interval '1 hour') AS next_hour;
