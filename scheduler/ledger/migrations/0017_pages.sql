-- Pages of an account's attempts and loops, newest first. Keys only grow, so an insert touches the index' last leaf.
CREATE INDEX attempt_of_account ON attempt (account_id, attempt_id);
CREATE INDEX loop_of_account ON loop (account_id, loop_id);
