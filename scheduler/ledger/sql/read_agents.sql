-- read_agents: a page of the account's agents; by id when agent_ids are given.
-- $1 account_id bigint  $2 agent_ids bigint[] (null: all)  $3 after bigint (null: from the start)
-- $4 descending boolean  $5 limit integer  $6 created tstzrange
SELECT agent_id, name, voice, timezone, windows, auto_dialer, paused, trunk_id, caller_id_pool_id, policy_version,
       created_at, updated_at
FROM agent
WHERE account_id = $1
  AND deleted_at IS NULL
  AND ($2::bigint[] IS NULL OR agent_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN agent_id < $3 ELSE agent_id > $3 END)
  AND created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -agent_id ELSE agent_id END
LIMIT $5;
