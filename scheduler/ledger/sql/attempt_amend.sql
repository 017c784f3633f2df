-- attempt_amend: a report that came after the attempt was written off as unknown: the result is put right,
-- the loop, which went on, is left alone.
-- $1 attempt_ids bigint[]  $2 outcomes text[]  $3 dispositions text[]  $4 ended_ats timestamptz[]  $5 now timestamptz
UPDATE attempt AS a
SET outcome = s.outcome, disposition = s.disposition, ended_at = s.ended_at, amended_at = $5
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
    AS s (attempt_id, outcome, disposition, ended_at)
WHERE a.attempt_id = s.attempt_id AND a.state = 'done' AND a.outcome = 'unknown'
RETURNING a.attempt_id;
