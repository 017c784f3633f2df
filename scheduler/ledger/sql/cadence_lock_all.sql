-- cadence_lock_all: where cadences lead to each other is settled by one transaction of an account at a time.
-- $1 class integer  $2 account_id bigint
SELECT pg_advisory_xact_lock($1::integer, ($2::bigint % 2147483647)::integer);
