-- event_store: keep each provider event once.
-- $1 provider text  $2 event_ids text[]; as array literals (`ledger/columns.py`): $3 attempt_ids  $4 kinds
-- $5 at_ms  $6 now timestamptz
-- Rows: event_id of those that are new
INSERT INTO provider_event (provider, event_id, attempt_id, kind, at, received_at)
SELECT $1, e.event_id, e.attempt_id, e.kind, to_timestamp(e.at_ms / 1000.0::float8), $6
FROM unnest($2::text[], $3::text::bigint[], $4::text::text[], $5::text::bigint[])
    AS e (event_id, attempt_id, kind, at_ms)
ON CONFLICT (attempt_id, provider, event_id) DO NOTHING
RETURNING event_id;
