-- journal_all: the journals that were in use in a while.
-- $1 since timestamptz  $2 before timestamptz
-- Rows: name, last_at, told, told_at, remembers_from
SELECT name, last_at, told, told_at, remembers_from
FROM journal
WHERE last_at >= $1 AND last_at < $2
ORDER BY name;
