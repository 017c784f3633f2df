-- cadence_sample: waiting loops of a cadence: every k-th by a hash of the lead, so that no order shows in it.
-- $1 cadence_id bigint  $2 k bigint (1: all)  $3 limit integer
SELECT loop_id
FROM loop
WHERE cadence_id = $1 AND status <> 'ended' AND next_at IS NOT NULL
  AND mod(hashint8(lead_id)::bigint + 2147483648, $2::bigint) = 0
ORDER BY lead_id
LIMIT $3;
