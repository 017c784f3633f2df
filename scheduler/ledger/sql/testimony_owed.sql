-- testimony_owed: what is known of these people and not in the ledger yet.
-- $1 account_id bigint  $2 whos text[]
-- Rows: testimony_id, kind, who, at
SELECT testimony_id, kind, who, at
FROM testimony
WHERE account_id = $1 AND who = ANY($2::text[]) AND NOT used
ORDER BY testimony_id;
