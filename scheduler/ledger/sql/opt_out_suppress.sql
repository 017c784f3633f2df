-- opt_out_suppress: a phone that this account never calls again; the first reason stays. Who asked for it
-- stays suppressed when the lists that had the phone are gone.
-- $1 account_id bigint  $2 phone text  $3 reason text  $4 source text  $5 now timestamptz
-- Rows: none when another writer's row is not yet visible. `said`: the first word of their own, whatever list had them
WITH added AS (
    INSERT INTO suppression AS s (account_id, phone, reason, source, created_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (account_id, phone) DO UPDATE SET listed = false, changed_at = $5 WHERE s.listed
    RETURNING suppression_id, xmax = 0 AS added, reason, source, created_at
)
SELECT suppression_id, added, true AS said, reason, source, created_at FROM added
UNION ALL
SELECT suppression_id, false, false, reason, source, created_at FROM suppression WHERE account_id = $1 AND phone = $2
LIMIT 1;
