-- quarantine_begin: from now on nothing is armed; whoever notices first opens it.
-- $1 now timestamptz  $2 why text  $3 ledger_at timestamptz  $4 seen_at timestamptz  $5 seen_beat bigint
-- Rows: quarantine_id; none where one is open
INSERT INTO quarantine (began_at, why, ledger_at, seen_at, seen_beat)
VALUES ($1, $2, $3, greatest($3::timestamptz, $4::timestamptz), $5)
ON CONFLICT ((ended_at IS NULL)) WHERE ended_at IS NULL DO NOTHING
RETURNING quarantine_id;
