-- dnc_let_back: leads who opted out and whose phones nothing suppresses any more may be called again: they are new if
-- nobody followed them up, else closed.
-- $1 account_id bigint  $2 phones text[] (their leads locked)  $3 now timestamptz
-- Rows: account_id, lead_id, batch_id, status
UPDATE lead AS le
SET status = CASE WHEN EXISTS (SELECT FROM loop AS lo WHERE lo.lead_id = le.lead_id AND NOT lo.once)
                  THEN 'closed' ELSE 'new' END,
    version = version + 1, updated_at = $3
WHERE le.account_id = $1
  AND le.phone = ANY($2::text[])
  AND le.status = 'opted_out'
  AND NOT EXISTS (SELECT FROM suppression AS s WHERE s.account_id = $1 AND s.phone = le.phone)
RETURNING le.account_id, le.lead_id, coalesce(le.batch_id, 0) AS batch_id, le.status;
