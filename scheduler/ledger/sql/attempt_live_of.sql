-- attempt_live_of: which of these loops are in a call.
-- $1 loop_ids bigint[]
SELECT lo.loop_id
FROM loop AS lo
JOIN attempt AS a ON a.lead_id = lo.lead_id AND a.loop_id = lo.loop_id
WHERE lo.loop_id = ANY($1::bigint[])
  AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
