-- testimony_loops: loops with calls that the ledger has forgotten.
-- $1 quarantine_id bigint  $2 after_loop_id bigint  $3 limit integer
-- Rows: loop_id
SELECT DISTINCT loop_id
FROM testimony
WHERE quarantine_id = $1 AND kind = 'call' AND NOT used AND loop_id > $2
ORDER BY loop_id
LIMIT $3;
