-- attempt_lookups: what a look-up of these attempts at their provider needs, for those that are still live.
-- $1 attempt_ids bigint[]
-- Rows: attempt_id, permit, state, armed_at, provider_call_id; none for one that was armed under an earlier key of
-- the installation: nobody can look it up
SELECT a.attempt_id, a.permit, a.state, a.armed_at, a.provider_call_id
FROM attempt AS a
JOIN installation AS i ON a.armed_at > coalesce(i.renewed_at, '-infinity')
WHERE a.attempt_id = ANY($1::bigint[])
  AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
