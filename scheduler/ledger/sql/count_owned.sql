-- count_owned: how many things of one kind an account has.
-- $1 account_id bigint   $2 kind text   $3 created tstzrange
SELECT CASE $2::text
    WHEN 'agent' THEN (SELECT count(*) FROM agent
                       WHERE account_id = $1 AND deleted_at IS NULL AND created_at <@ $3::tstzrange)
    WHEN 'trunk' THEN (SELECT count(*) FROM trunk WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'caller_id' THEN (SELECT count(*) FROM caller_id WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'caller_id_pool' THEN (SELECT count(*) FROM caller_id_pool WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'api_key' THEN (SELECT count(*) FROM api_key WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'dnc_list' THEN (SELECT count(*) FROM dnc_list WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'no_call_day' THEN (SELECT count(*) FROM no_call_day WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'closure' THEN (SELECT count(*) FROM closure WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'template' THEN (SELECT count(*) FROM template WHERE account_id = $1 AND created_at <@ $3)
    WHEN 'webhook' THEN (SELECT count(*) FROM webhook WHERE account_id = $1 AND created_at <@ $3)
END AS count;
