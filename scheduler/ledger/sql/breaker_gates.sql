-- breaker_gates: the trunk, if any, or the agent that the calls of these lanes go out by.
-- $1 lane_ids bigint[]
SELECT la.lane_id, la.account_id, la.agent_id, ag.trunk_id
FROM lane AS la
JOIN agent AS ag USING (agent_id)
WHERE la.lane_id = ANY($1::bigint[]);
