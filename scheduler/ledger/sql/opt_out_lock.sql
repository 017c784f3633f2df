-- opt_out_lock: the lead behind a phone, locked: an arm before this has committed, one after it waits.
-- $1 account_id bigint  $2 phone text
SELECT lead_id FROM lead WHERE account_id = $1 AND phone = $2 FOR NO KEY UPDATE;
