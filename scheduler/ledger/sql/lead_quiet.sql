-- lead_quiet: nothing automatic to this lead, which is locked, before an instant; an earlier one changes nothing.
-- $1 lead_id bigint  $2 until timestamptz  $3 now timestamptz
-- Rows: lead_id, where that is later than before
UPDATE lead
SET quiet_until = $2, version = version + 1, updated_at = $3
WHERE lead_id = $1
  AND (quiet_until IS NULL OR quiet_until < $2)
RETURNING lead_id;
