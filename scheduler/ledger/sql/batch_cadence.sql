-- batch_cadence: what leads of a batch follow, null where it leaves that to their agent.
-- $1 account_id bigint  $2 batch_id bigint
SELECT cadence_id FROM batch WHERE account_id = $1 AND batch_id = $2;
