-- quarantine_state: the open quarantine.
-- Rows: quarantine_id, began_at, why, ledger_at, seen_at, seen_beat; none where permits are given
SELECT quarantine_id, began_at, why, ledger_at, seen_at, seen_beat
FROM quarantine
WHERE ended_at IS NULL;
