-- recalculate_sample: an even sample of the loops of these agents that wait: every k-th, by a hash of the lead, so that
-- neither the order of a file nor two files side by side show in it.
-- $1 account_id bigint  $2 agent_ids bigint[]  $3 k bigint (1: all)  $4 limit integer
SELECT loop_id
FROM loop
WHERE status <> 'ended'
  AND next_at IS NOT NULL
  AND account_id = $1
  AND agent_id = ANY($2::bigint[])
  AND mod(hashint8(lead_id)::bigint + 2147483648, $3::bigint) = 0
ORDER BY lead_id
LIMIT $4;
