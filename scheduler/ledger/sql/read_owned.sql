-- read_owned: whether these belong to the account; a null id does.
-- $1 account_id bigint  $2 agent_id bigint  $3 batch_id bigint
-- Rows: agent_ok, batch_ok, batch_agent_id
SELECT $2::bigint IS NULL OR EXISTS (SELECT FROM agent AS a
                                     WHERE a.account_id = $1 AND a.agent_id = $2) AS agent_ok,
       $3::bigint IS NULL OR EXISTS (SELECT FROM batch AS b
                                     WHERE b.account_id = $1 AND b.batch_id = $3) AS batch_ok,
       (SELECT b.agent_id FROM batch AS b WHERE b.account_id = $1 AND b.batch_id = $3) AS batch_agent_id;
