-- attempt_progress: move live attempts forward, never back: armed < unknown < accepted < ringing < in_call.
-- $1 attempt_ids bigint[]  $2 states text[]  $3 dispatched_ats timestamptz[]  $4 answered_ats timestamptz[]
-- $5 provider_call_ids text[]  $6 provider text  $7 errors text[]
UPDATE attempt AS a
SET state = CASE
        WHEN array_position('{armed,unknown,accepted,ringing,in_call}', s.state)
           > array_position('{armed,unknown,accepted,ringing,in_call}', a.state) THEN s.state
        ELSE a.state END,
    dispatched_at = coalesce(a.dispatched_at, s.dispatched_at),
    answered_at = coalesce(a.answered_at, s.answered_at),
    provider = $6, provider_call_id = coalesce(a.provider_call_id, s.provider_call_id),
    error = coalesce(s.error, a.error)
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $7::text[])
    AS s (attempt_id, state, dispatched_at, answered_at, provider_call_id, error)
WHERE a.attempt_id = s.attempt_id
  AND a.state NOT IN ('not_sent', 'done', 'canceled');
