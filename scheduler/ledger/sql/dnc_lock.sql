-- dnc_lock: the leads behind phones, locked in their order: an arm before this has committed, one after it waits.
-- $1 account_id bigint  $2 phones text[]
SELECT lead_id FROM lead WHERE account_id = $1 AND phone = ANY($2::text[]) ORDER BY lead_id FOR NO KEY UPDATE;
