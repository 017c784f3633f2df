-- testimony_people: an account's leads, a page in order of their phones.
-- $1 account_id bigint  $2 after_phone text  $3 limit integer
-- Rows: lead_id, phone
SELECT lead_id, phone
FROM lead
WHERE account_id = $1 AND phone > $2
ORDER BY phone
LIMIT $3;
