-- account_count: how many accounts the installation has.
-- $1 created tstzrange
SELECT count(*) AS count FROM account WHERE created_at <@ $1::tstzrange;
