-- pause_state: whether an account is paused, and the version that says so.
-- $1 account_id bigint
SELECT paused, pause_reason, version FROM account WHERE account_id = $1;
