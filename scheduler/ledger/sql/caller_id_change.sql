-- caller_id_change: set the fields that `changes` names.
-- $1 account_id bigint  $2 caller_id_id bigint  $3 changes jsonb  $4 now timestamptz
-- Rows: the fields as they were, and the number's pool
UPDATE caller_id AS c
SET region = CASE WHEN $3::jsonb ? 'region' THEN $3::jsonb ->> 'region' ELSE c.region END,
    daily_cap = coalesce(($3::jsonb ->> 'daily_cap')::integer, c.daily_cap),
    rest_until = CASE WHEN $3::jsonb ? 'rest_until' THEN ($3::jsonb ->> 'rest_until')::timestamptz
                      ELSE c.rest_until END,
    status = coalesce($3::jsonb ->> 'status', c.status),
    updated_at = $4
FROM (SELECT caller_id_id, region, daily_cap, rest_until, status
      FROM caller_id
      WHERE account_id = $1 AND caller_id_id = $2
      FOR NO KEY UPDATE) AS was
LEFT JOIN caller_id_member AS m USING (caller_id_id)
WHERE c.caller_id_id = was.caller_id_id
RETURNING was.region, was.daily_cap, was.rest_until, was.status, m.caller_id_pool_id;
