-- import_part_lock: an import as it stands, locked for its last step.
-- $1 account_id bigint  $2 import_id bigint
SELECT status, terms IS NOT NULL AS in_parts
FROM import
WHERE account_id = $1
  AND import_id = $2
FOR UPDATE;
