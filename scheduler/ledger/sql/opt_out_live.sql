-- opt_out_live: the call under way to a phone, if there is one.
-- $1 account_id bigint  $2 phone text
SELECT a.attempt_id, a.state, a.provider_call_id
FROM lead AS le
JOIN attempt AS a USING (lead_id)
WHERE le.account_id = $1
  AND le.phone = $2
  AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
