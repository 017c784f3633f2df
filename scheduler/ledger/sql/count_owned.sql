-- count_owned: how many things of one kind an account has.
-- $1 account_id bigint   $2 kind text
SELECT CASE $2::text
    WHEN 'agent' THEN (SELECT count(*) FROM agent WHERE account_id = $1 AND deleted_at IS NULL)
    WHEN 'trunk' THEN (SELECT count(*) FROM trunk WHERE account_id = $1)
    WHEN 'caller_id' THEN (SELECT count(*) FROM caller_id WHERE account_id = $1)
    WHEN 'caller_id_pool' THEN (SELECT count(*) FROM caller_id_pool WHERE account_id = $1)
    WHEN 'api_key' THEN (SELECT count(*) FROM api_key WHERE account_id = $1)
    WHEN 'dnc_list' THEN (SELECT count(*) FROM dnc_list WHERE account_id = $1)
    WHEN 'batch' THEN (SELECT count(*) FROM batch WHERE account_id = $1)
END AS count;
