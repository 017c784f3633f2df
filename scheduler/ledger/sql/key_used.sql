-- key_used: a key was just used; written once a minute at most.
-- $1 key_id text  $2 now timestamptz
UPDATE api_key
SET last_used_at = $2
WHERE key_id = $1
  AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute');
