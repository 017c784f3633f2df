-- reports_known: what the ledger has of attempts that a provider reports on, and whether it has that very event.
-- $1 provider text  $2 attempt_ids, an array literal (`ledger/columns.py`)  $3 event_ids text[]
-- Rows: in the order asked; account_id null for an attempt that is not there, phone null for a person who was erased
SELECT a.account_id, a.state, le.phone,
       (SELECT true FROM provider_event AS pe
        WHERE pe.attempt_id = r.attempt_id AND pe.provider = $1 AND pe.event_id = r.event_id) IS NOT NULL AS seen
FROM unnest($2::text::bigint[], $3::text[]) WITH ORDINALITY AS r (attempt_id, event_id, place)
LEFT JOIN attempt AS a ON a.attempt_id = r.attempt_id
LEFT JOIN lead AS le ON le.lead_id = a.lead_id
ORDER BY r.place;
