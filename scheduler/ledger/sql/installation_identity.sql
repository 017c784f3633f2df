-- installation_identity: a new store of the same history is the ledger's from now on: its standby was synchronous.
-- $1 seen_beat bigint
-- Rows: one if it was adopted
UPDATE installation
SET identity = ledger_identity()
WHERE identity <> ledger_identity()
  AND split_part(identity, ':', 1) = split_part(ledger_identity(), ':', 1)
  AND split_part(identity, ':', 3) = split_part(ledger_identity(), ':', 3)
  AND beat >= $1
  AND NOT EXISTS (SELECT FROM quarantine WHERE ended_at IS NULL)
RETURNING beat;
