-- When a key was last renamed, narrowed, given another end or revoked; null: never. That it was used is no change of it.
-- Of changes before this the audit log knows.
ALTER TABLE api_key ADD COLUMN changed_at timestamptz;
UPDATE api_key AS k
SET changed_at = told.at
FROM (SELECT account_id, object, max(at) AS at
      FROM audit
      WHERE action IN ('key_changed', 'key_rotated', 'key_revoked')
      GROUP BY account_id, object) AS told
WHERE told.account_id = k.account_id AND told.object = 'key:' || k.number;
UPDATE api_key SET changed_at = greatest(changed_at, revoked_at) WHERE revoked_at IS NOT NULL;
