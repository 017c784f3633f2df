-- lead_erase_callbacks: what was said and noted of the callbacks of somebody who is erased.
-- $1 account_id bigint  $2 lead_id bigint
UPDATE callback
SET said = NULL, note = ''
WHERE account_id = $1
  AND lead_id = $2;
