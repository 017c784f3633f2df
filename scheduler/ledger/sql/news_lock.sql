-- news_lock: be the only one that numbers news, until the transaction ends.
-- $1 lock bigint
SELECT pg_try_advisory_xact_lock($1) AS ours;
