-- dnc_live: calls under way to leads.
-- $1 lead_ids bigint[]
SELECT lead_id, state, provider_call_id
FROM attempt
WHERE lead_id = ANY($1::bigint[])
  AND state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
