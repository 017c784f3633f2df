-- agent_ids: the agents of an account, oldest first.
-- $1 account_id bigint
SELECT agent_id FROM agent WHERE account_id = $1 AND deleted_at IS NULL ORDER BY agent_id;
