-- simulated_at_keep: where the simulated clock stands, so that a later run goes on from there.
-- $1 simulated_at timestamptz
UPDATE installation SET simulated_at = $1;
