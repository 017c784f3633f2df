-- lead_live: the calls under way to leads.
-- $1 lead_ids bigint[]
SELECT a.attempt_id, a.lead_id, a.state, a.kind
FROM attempt AS a
WHERE a.lead_id = ANY($1::bigint[])
  AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
