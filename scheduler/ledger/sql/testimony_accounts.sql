-- testimony_accounts: accounts with calls or opt-outs that the ledger does not have again yet.
SELECT DISTINCT account_id FROM testimony WHERE NOT used ORDER BY account_id;
