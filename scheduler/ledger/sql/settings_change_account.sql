-- settings_change_account: set the settings that `changes` names.
-- $1 account_id bigint  $2 changes json  $3 now timestamptz
UPDATE account
SET name = coalesce($2::jsonb ->> 'name', name),
    timezone = coalesce($2::jsonb ->> 'timezone', timezone),
    windows = coalesce($2::json -> 'windows', windows),
    live_after_hours = coalesce(($2::jsonb ->> 'live_after_hours')::boolean, live_after_hours),
    strict = coalesce(($2::jsonb ->> 'strict')::boolean, strict),
    max_concurrent = CASE WHEN $2::jsonb ? 'max_concurrent' THEN ($2::jsonb ->> 'max_concurrent')::integer
                          ELSE max_concurrent END,
    max_dials_per_s = CASE WHEN $2::jsonb ? 'max_dials_per_s'
                           THEN ($2::jsonb ->> 'max_dials_per_s')::double precision
                           ELSE max_dials_per_s END,
    frequency_caps = coalesce($2::json -> 'frequency_caps', frequency_caps),
    jitter_max_s = coalesce(($2::jsonb ->> 'jitter_max_s')::integer, jitter_max_s),
    version = version + 1, updated_at = $3
WHERE account_id = $1;
