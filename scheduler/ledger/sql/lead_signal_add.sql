-- lead_signal_add: a sign of life of a lead, which is locked; told twice it is one.
-- $1 account_id bigint  $2 lead_id bigint  $3 kind text  $4 channel text  $5 at timestamptz  $6 now timestamptz
-- Rows: added, and the signal as it stands
WITH added AS (
    INSERT INTO lead_signal (account_id, lead_id, kind, channel, at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account_id, lead_id, kind, at) DO NOTHING
    RETURNING lead_signal_id, channel, created_at
)
SELECT true AS added, lead_signal_id, channel, created_at FROM added
UNION ALL
SELECT false, lead_signal_id, channel, created_at
FROM lead_signal
WHERE account_id = $1 AND lead_id = $2 AND kind = $3 AND at = $5
LIMIT 1;
