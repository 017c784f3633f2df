-- quarantine_begin: from now on nothing is armed; whoever notices first opens it, and all accounts are told.
-- $1 now timestamptz  $2 why text  $3 ledger_at timestamptz  $4 seen_at timestamptz  $5 seen_beat bigint
-- Rows: quarantine_id; none where one is open
WITH opened AS (
    INSERT INTO quarantine (began_at, why, ledger_at, seen_at, seen_beat)
    VALUES ($1, $2, $3, greatest($3::timestamptz, $4::timestamptz), $5)
    ON CONFLICT ((ended_at IS NULL)) WHERE ended_at IS NULL DO NOTHING
    RETURNING quarantine_id
),
told AS (
    INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids, extra)
    SELECT ac.account_id, 'system.degraded', $1, ARRAY[o.quarantine_id], '{}', '{}',
           json_build_object('component', 'ledger', 'detail',
                             'it was put back to an earlier state: nobody is called until that is settled')
    FROM opened AS o
    CROSS JOIN account AS ac
)
SELECT quarantine_id
FROM opened;
