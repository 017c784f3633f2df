-- lead_lock: one lead of the account, locked: an arm before this has committed, one after it waits.
-- $1 account_id bigint  $2 lead_id bigint
-- Rows: none for one that is not the account's, or was erased
SELECT lead_id FROM lead WHERE account_id = $1 AND lead_id = $2 AND erased_at IS NULL FOR UPDATE;
