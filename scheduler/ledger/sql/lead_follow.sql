-- lead_follow: a lead, locked, is followed up by this agent now.
-- $1 lead_id bigint  $2 agent_id bigint  $3 now timestamptz
UPDATE lead SET agent_id = $2, status = 'active', updated_at = $3 WHERE lead_id = $1;
