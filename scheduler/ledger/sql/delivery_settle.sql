-- delivery_settle: how tries went, many in one round trip; each settles the try that it was.
-- $1 delivery_ids bigint[]  $2 tries integer[] (before)  $3 states text[]  $4 statuses integer[]  $5 errors text[]
-- $6 next_ats timestamptz[]  $7 now timestamptz
UPDATE delivery AS d
SET state = s.state,
    tries = d.tries + 1,
    status = s.status,
    error = s.error,
    next_at = s.next_at,
    tried_at = $7,
    updated_at = $7
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[])
    AS s (delivery_id, tries, state, status, error, next_at)
WHERE d.delivery_id = s.delivery_id
  AND d.tries = s.tries
  AND d.state = 'pending';
