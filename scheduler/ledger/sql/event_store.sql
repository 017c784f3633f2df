-- event_store: keep each provider event once.
-- $1 provider text  $2 event_ids text[]  $3 attempt_ids bigint[]  $4 kinds text[]  $5 ats timestamptz[]
-- $6 now timestamptz
-- Rows: event_id of those that are new
INSERT INTO provider_event (provider, event_id, attempt_id, kind, at, received_at)
SELECT $1, e.event_id, e.attempt_id, e.kind, e.at, $6
FROM unnest($2::text[], $3::bigint[], $4::text[], $5::timestamptz[]) AS e (event_id, attempt_id, kind, at)
ON CONFLICT (attempt_id, provider, event_id) DO NOTHING
RETURNING event_id;
