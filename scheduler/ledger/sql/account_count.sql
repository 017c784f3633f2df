-- account_count: how many accounts the installation has.
SELECT count(*) AS count FROM account;
