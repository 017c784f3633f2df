-- lead_signals: signs of life of a lead, oldest first.
-- $1 account_id bigint  $2 lead_id bigint  $3 limit integer
SELECT lead_signal_id, lead_id, kind, channel, at, created_at
FROM lead_signal
WHERE account_id = $1
  AND lead_id = $2
ORDER BY at, lead_signal_id
LIMIT $3;
