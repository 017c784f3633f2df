-- dnc_entry_change: the reason that is on record.
-- $1 account_id bigint  $2 suppression_id bigint  $3 reason text  $4 now timestamptz
-- Rows: the reason as it was
WITH was AS (
    SELECT phone, reason FROM suppression WHERE account_id = $1 AND suppression_id = $2 FOR UPDATE
)
UPDATE suppression AS s
SET reason = $3, changed_at = CASE WHEN was.reason = $3 THEN s.changed_at ELSE $4 END
FROM was
WHERE s.account_id = $1 AND s.phone = was.phone
RETURNING was.reason;
