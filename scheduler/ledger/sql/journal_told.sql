-- journal_told: all that this journal has of the forgotten time is in.
-- $1 name text  $2 now timestamptz  $3 quarantine_id bigint  $4 remembers_from timestamptz
INSERT INTO journal (name, last_at, told, told_at, remembers_from)
VALUES ($1, $2, $3, $2, $4)
ON CONFLICT (name) DO UPDATE
SET last_at = greatest(journal.last_at, excluded.last_at), told = excluded.told, told_at = excluded.told_at,
    remembers_from = excluded.remembers_from;
