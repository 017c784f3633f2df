-- attempt_lookups: what a look-up of these attempts at their provider needs, for those that are still live.
-- $1 attempt_ids bigint[]  $2 live boolean: the provider reaches real phones
-- Rows: attempt_id, permit, state, armed_at, provider_call_id; none for one that was armed under an earlier key of
-- the installation, nor for one of an account whose calls go by another provider: that it was never heard of here
-- proves nothing
SELECT a.attempt_id, a.permit, a.state, a.armed_at, a.provider_call_id
FROM attempt AS a
JOIN installation AS i ON a.armed_at > coalesce(i.renewed_at, '-infinity')
JOIN account AS ac ON ac.account_id = a.account_id AND ac.simulated <> $2::boolean
WHERE a.attempt_id = ANY($1::bigint[])
  AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
