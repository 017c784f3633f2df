-- agent_routes: the trunk and the pool of caller ids that each agent's calls go out by.
-- $1 agent_ids bigint[] (null: all)
SELECT agent_id, coalesce(trunk_id, 0) AS trunk_id, coalesce(caller_id_pool_id, 0) AS caller_id_pool_id
FROM agent
WHERE $1::bigint[] IS NULL OR agent_id = ANY($1::bigint[]);
