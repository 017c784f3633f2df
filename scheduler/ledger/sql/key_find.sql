-- key_find: a key, and what its account may do.
-- $1 key_id text
SELECT k.key_id, k.account_id, k.environment, k.secret_hash, k.scopes, k.expires_at,
       k.revoked_at IS NOT NULL AS revoked, a.simulated, a.operator, a.suspended_at IS NOT NULL AS suspended
FROM api_key AS k
JOIN account AS a USING (account_id)
WHERE k.key_id = $1;
