-- journal_told: all that this journal has of the forgotten time is in. Its last use is left as it was: one that is new
-- now had no part in that time.
-- $1 name text  $2 now timestamptz  $3 quarantine_id bigint  $4 remembers_from timestamptz
INSERT INTO journal (name, last_at, told, told_at, remembers_from)
VALUES ($1, $2, $3, $2, $4)
ON CONFLICT (name) DO UPDATE
SET told = excluded.told, told_at = excluded.told_at, remembers_from = excluded.remembers_from;
