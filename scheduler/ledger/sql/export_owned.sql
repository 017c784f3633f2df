-- export_owned: which of these are the account's.
-- $1 account_id bigint  $2 lead_ids bigint[]  $3 loop_ids bigint[]  $4 agent_ids bigint[]  $5 batch_ids bigint[]
-- $6 cadence_ids bigint[]
SELECT array(SELECT lead_id FROM lead WHERE account_id = $1 AND lead_id = ANY($2::bigint[])) AS lead_id,
       array(SELECT loop_id FROM loop WHERE account_id = $1 AND loop_id = ANY($3::bigint[])) AS loop_id,
       array(SELECT agent_id FROM agent WHERE account_id = $1 AND agent_id = ANY($4::bigint[])) AS agent_id,
       array(SELECT batch_id FROM batch WHERE account_id = $1 AND batch_id = ANY($5::bigint[])) AS batch_id,
       array(SELECT cadence_id FROM cadence WHERE account_id = $1 AND cadence_id = ANY($6::bigint[])) AS cadence_id;
