-- early_reports_forget: what was taken over, and whatever is older than anybody waits for.
-- $1 attempt_ids bigint[]  $2 event_ids text[]  $3 received_before timestamptz
-- Rows: attempt_id of those that nobody ever knew
DELETE FROM early_report AS er
WHERE er.received_at < $3
   OR EXISTS (SELECT FROM unnest($1::bigint[], $2::text[]) AS done (attempt_id, event_id)
              WHERE done.attempt_id = er.attempt_id AND done.event_id = er.event_id)
RETURNING er.attempt_id, er.received_at < $3 AS too_old;
