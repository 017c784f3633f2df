-- settings_change_agent: set the settings that `changes` names.
-- $1 account_id bigint  $2 agent_id bigint  $3 changes json  $4 now timestamptz
UPDATE agent
SET name = coalesce($3::jsonb ->> 'name', name),
    voice = coalesce($3::jsonb ->> 'voice', voice),
    timezone = CASE WHEN $3::jsonb ? 'timezone' THEN $3::jsonb ->> 'timezone' ELSE timezone END,
    windows = CASE WHEN NOT $3::jsonb ? 'windows' THEN windows
                   WHEN json_typeof($3::json -> 'windows') = 'null' THEN NULL
                   ELSE $3::json -> 'windows' END,
    auto_dialer = coalesce($3::json -> 'auto_dialer', auto_dialer),
    trunk_id = CASE WHEN $3::jsonb ? 'trunk_id' THEN ($3::jsonb ->> 'trunk_id')::bigint ELSE trunk_id END,
    caller_id_pool_id = CASE WHEN $3::jsonb ? 'caller_id_pool_id' THEN ($3::jsonb ->> 'caller_id_pool_id')::bigint
                             ELSE caller_id_pool_id END,
    updated_at = $4
WHERE account_id = $1
  AND agent_id = $2
  AND deleted_at IS NULL;
