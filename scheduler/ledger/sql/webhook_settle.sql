-- webhook_settle: give the lease back with how sending went; a failing endpoint is asked later.
-- $1 webhook_id bigint  $2 takes bigint  $3 failures integer  $4 failing_since timestamptz  $5 next_at timestamptz
-- $6 wall timestamptz
UPDATE webhook
SET failures = $3,
    failing_since = $4,
    next_at = $5,
    leased_until = $6
WHERE webhook_id = $1
  AND takes = $2;
