-- record_of_attempt: the latest record of an attempt, with the hash of the link before it and the settings of then.
-- $1 account_id bigint  $2 attempt_id bigint
SELECT r.number, r.attempt_id, r.revision, r.recorded_at, r.body, r.previous_hash, r.hash, b.hash AS hash_before,
       pk.settings
FROM attempt_record AS r
LEFT JOIN attempt_record AS b ON b.account_id = r.account_id AND b.number = r.number - 1
LEFT JOIN attempt AS a ON a.attempt_id = r.attempt_id
LEFT JOIN policy_kept AS pk
    ON pk.account_id = r.account_id AND pk.agent_id = a.agent_id AND pk.policy_version = a.policy_version
WHERE r.account_id = $1
  AND r.attempt_id = $2
ORDER BY r.revision DESC
LIMIT 1;
