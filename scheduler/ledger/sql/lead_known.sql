-- lead_known: whether a lead of that number was ever the account's, erased or not.
-- $1 account_id bigint  $2 lead_id bigint
SELECT lead_id FROM lead WHERE account_id = $1 AND lead_id = $2;
