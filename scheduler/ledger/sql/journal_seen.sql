-- journal_seen: this journal is in use.
-- $1 name text  $2 now timestamptz
INSERT INTO journal (name, last_at)
VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET last_at = greatest(journal.last_at, excluded.last_at);
