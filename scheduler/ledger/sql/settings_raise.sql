-- settings_raise: what is planned for these agents is outdated: the arm refuses it from now on.
-- $1 account_id bigint  $2 agent_ids bigint[] (null: all of the account)
-- Rows: agent_id
UPDATE agent AS a
SET policy_version = a.policy_version + 1
FROM (SELECT agent_id FROM agent
      WHERE account_id = $1 AND deleted_at IS NULL AND ($2::bigint[] IS NULL OR agent_id = ANY($2::bigint[]))
      ORDER BY agent_id
      FOR NO KEY UPDATE) AS meant
WHERE a.agent_id = meant.agent_id
RETURNING a.agent_id;
