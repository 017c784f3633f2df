-- digest_accounts: on which day each account that dials was last told who waits.
SELECT account_id, timezone, waiting_told_on FROM account WHERE suspended_at IS NULL;
