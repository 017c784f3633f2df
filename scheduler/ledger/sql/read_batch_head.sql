-- read_batch_head: a batch's name and agent.
-- $1 account_id bigint  $2 batch_id bigint
SELECT batch_id, name, agent_id FROM batch WHERE account_id = $1 AND batch_id = $2;
