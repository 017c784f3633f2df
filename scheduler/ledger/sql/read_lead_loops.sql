-- read_lead_loops: the loops of a lead, oldest first. Active and ended ones each have an index of their own.
-- $1 account_id bigint  $2 lead_id bigint
SELECT loop_id, agent_id, status, started_at, ended_at, end_reason, why
FROM loop
WHERE ((lead_id = $2 AND status <> 'ended') OR (lead_id = $2 AND status = 'ended'))
  AND account_id = $1
ORDER BY loop_id;
