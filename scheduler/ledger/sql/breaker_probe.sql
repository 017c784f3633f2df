-- breaker_probe: take the turn to let one call through, where it is time.
-- $1 now timestamptz  $2 next timestamptz
UPDATE breaker SET probe_at = $2 WHERE probe_at <= $1
RETURNING kind, id;
