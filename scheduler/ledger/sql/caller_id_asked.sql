-- caller_id_asked: a number that a call is to show, and whether the agent's calls go out under it.
-- $1 account_id bigint  $2 agent_id bigint  $3 caller_id_id bigint  $4 phone text (the number is one of both)
SELECT c.caller_id_id, c.status, c.rest_until, ac.timezone, ag.caller_id_pool_id AS pool_id,
       EXISTS (SELECT FROM caller_id_member AS m
               WHERE m.caller_id_id = c.caller_id_id AND m.caller_id_pool_id = ag.caller_id_pool_id) AS in_pool
FROM caller_id AS c
JOIN account AS ac USING (account_id)
JOIN agent AS ag ON ag.account_id = c.account_id AND ag.agent_id = $2
WHERE c.account_id = $1
  AND (c.caller_id_id = $3 OR c.phone = $4);
