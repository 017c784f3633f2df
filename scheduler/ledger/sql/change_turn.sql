-- change_turn: of those who change one object after they have read it, one at a time, until the transaction ends.
-- $1 account_id bigint  $2 object text
SELECT pg_advisory_xact_lock(hashtextextended($2::text, $1::bigint));
