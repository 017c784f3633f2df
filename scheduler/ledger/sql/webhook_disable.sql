-- webhook_disable: nothing is sent any more, and why; only by who holds the lease.
-- $1 webhook_id bigint  $2 takes bigint  $3 reason text  $4 now timestamptz
-- Rows: account_id
UPDATE webhook
SET status = 'disabled',
    disabled_at = $4,
    disabled_reason = $3,
    updated_at = $4
WHERE webhook_id = $1
  AND takes = $2
  AND status = 'active'
RETURNING account_id;
