-- record_missing: attempts of an account that are over and should have a record, but have none.
-- $1 account_id bigint  $2 since timestamptz  $3 limit integer
SELECT a.attempt_id
FROM attempt AS a
WHERE a.account_id = $1
  AND a.state = 'done'
  AND a.armed_at >= $2
  AND NOT EXISTS (SELECT FROM attempt_record AS r WHERE r.account_id = a.account_id AND r.attempt_id = a.attempt_id)
ORDER BY a.attempt_id
LIMIT $3;
