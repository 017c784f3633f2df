-- count_closed: how many no-call days and closures an account has.
-- $1 account_id bigint
SELECT (SELECT count(*) FROM no_call_day WHERE account_id = $1) AS no_call_days,
       (SELECT count(*) FROM closure WHERE account_id = $1) AS closures;
