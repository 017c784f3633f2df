-- export_number: the number of an export to come, and whether the account only ever reaches the simulated provider.
-- $1 account_id bigint
SELECT nextval('export_number') AS number, simulated FROM account WHERE account_id = $1;
