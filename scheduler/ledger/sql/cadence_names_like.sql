-- cadence_names_like: names in use that begin so.
-- $1 account_id bigint  $2 beginning text
SELECT name FROM cadence WHERE account_id = $1 AND status <> 'archived' AND starts_with(name, $2);
