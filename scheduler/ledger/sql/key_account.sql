-- key_account: what a new key needs to know of its account and of the installation.
-- $1 account_id bigint
SELECT a.simulated, i.id_key
FROM account AS a
CROSS JOIN installation AS i
WHERE a.account_id = $1;
