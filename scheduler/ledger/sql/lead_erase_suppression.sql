-- lead_erase_suppression: a phone that may not be called stays so, by its keyed hash alone.
-- $1 account_id bigint  $2 phone text  $3 mark text
WITH gone AS (
    DELETE FROM suppression WHERE account_id = $1 AND phone = $2 RETURNING reason, source, created_at
)
INSERT INTO suppression_mark (account_id, mark, reason, source, created_at)
SELECT $1, $3, reason, source, created_at FROM gone
ON CONFLICT DO NOTHING;
