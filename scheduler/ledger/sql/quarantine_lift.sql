-- quarantine_lift: no id that was given out in the forgotten time is given out again: providers know calls by them,
-- integrators leads.
-- $1 by bigint: more than are given out between two backups; a column of integers goes up by a 10,000th of it
SELECT setval(seqrelid::regclass,
              (SELECT coalesce(pg_sequence_last_value(seqrelid::regclass), 0))
                + CASE WHEN seqtypid = 'bigint'::regtype THEN $1::bigint ELSE greatest(1, $1::bigint / 10000) END)
FROM pg_sequence
JOIN pg_class AS c ON c.oid = seqrelid
WHERE c.relnamespace = current_schema()::regnamespace;
