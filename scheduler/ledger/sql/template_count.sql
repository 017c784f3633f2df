-- template_count: how many templates of its own an account has.
-- $1 account_id bigint
SELECT count(*) AS count FROM template WHERE account_id = $1;
