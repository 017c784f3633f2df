-- quarantine_accounts: the accounts whose books tell of the end of a quarantine.
SELECT account_id FROM account ORDER BY account_id;
