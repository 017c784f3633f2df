-- lead_erase_attempts: what attempts say in free text about somebody who is erased.
-- $1 account_id bigint  $2 lead_id bigint  $3 now timestamptz
UPDATE attempt AS a
SET error = NULL, amended_at = $3
FROM loop AS lo
WHERE lo.account_id = $1
  AND lo.lead_id = $2
  AND a.loop_id = lo.loop_id
  AND a.error IS NOT NULL;
