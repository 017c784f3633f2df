-- suppression_add: numbers that this account never calls again, and who said so in its audit log.
-- $1 account_ids bigint[]  $2 phones text[]  $3 reason text  $4 source text  $5 now timestamptz  $6 actor text
WITH added AS (
    INSERT INTO suppression AS o (account_id, phone, reason, source, created_at)
    SELECT s.account_id, s.phone, $3, $4, $5
    FROM unnest($1::bigint[], $2::text[]) AS s (account_id, phone)
    WHERE s.phone IS NOT NULL  -- of somebody who was erased since
    ON CONFLICT (account_id, phone) DO UPDATE SET listed = false, changed_at = $5 WHERE o.listed
    RETURNING suppression_id, account_id
)
INSERT INTO audit (account_id, actor, action, object, after, at)
SELECT account_id, $6, 'phone_suppressed', 'dnc_entry:' || suppression_id,
       json_build_object('reason', $3::text, 'source', $4::text), $5
FROM added;
