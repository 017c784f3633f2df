-- record_page: links of an account's chain, in order. `latest`: the attempt has no later one.
-- $1 account_id bigint  $2 after bigint  $3 limit integer
SELECT r.number, r.attempt_id, r.revision, r.body, r.previous_hash, r.hash,
       NOT EXISTS (SELECT FROM attempt_record AS l
                   WHERE l.account_id = r.account_id AND l.attempt_id = r.attempt_id AND l.revision > r.revision) AS latest
FROM attempt_record AS r
WHERE r.account_id = $1
  AND r.number > $2
ORDER BY r.number
LIMIT $3;
