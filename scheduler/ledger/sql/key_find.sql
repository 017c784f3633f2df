-- key_find: a key and whether its account may only reach the simulated provider.
-- $1 key_id text
SELECT k.key_id, k.account_id, k.environment, k.secret_hash, k.scopes, k.expires_at,
       k.revoked_at IS NOT NULL AS revoked, a.simulated
FROM api_key AS k
JOIN account AS a USING (account_id)
WHERE k.key_id = $1;
