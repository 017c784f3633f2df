-- trunk_change: set the fields that `changes` names.
-- $1 account_id bigint  $2 trunk_id bigint  $3 changes jsonb  $4 now timestamptz
-- Rows: the fields as they were
UPDATE trunk AS t
SET name = coalesce($3::jsonb ->> 'name', t.name),
    max_concurrent = CASE WHEN $3::jsonb ? 'max_concurrent' THEN ($3::jsonb ->> 'max_concurrent')::integer
                          ELSE t.max_concurrent END,
    max_dials_per_s = CASE WHEN $3::jsonb ? 'max_dials_per_s'
                           THEN ($3::jsonb ->> 'max_dials_per_s')::double precision
                           ELSE t.max_dials_per_s END,
    paused = coalesce(($3::jsonb ->> 'paused')::boolean, t.paused),
    updated_at = $4
FROM (SELECT trunk_id, name, max_concurrent, max_dials_per_s, paused
      FROM trunk
      WHERE account_id = $1 AND trunk_id = $2
      FOR NO KEY UPDATE) AS was
WHERE t.trunk_id = was.trunk_id
RETURNING was.name, was.max_concurrent, was.max_dials_per_s, was.paused;
