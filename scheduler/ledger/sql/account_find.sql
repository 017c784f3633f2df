-- account_find: the first account of that name; of all when the name is null.
-- $1 name text
SELECT account_id FROM account WHERE $1::text IS NULL OR name = $1 ORDER BY account_id LIMIT 1;
