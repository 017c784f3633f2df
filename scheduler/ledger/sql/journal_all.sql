-- journal_all: the journals that were in use since then.
-- $1 since timestamptz
-- Rows: name, last_at, told, told_at, remembers_from
SELECT name, last_at, told, told_at, remembers_from
FROM journal
WHERE last_at >= $1
ORDER BY name;
