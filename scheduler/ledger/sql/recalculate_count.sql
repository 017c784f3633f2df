-- recalculate_count: how many loops of these agents wait.
-- $1 account_id bigint  $2 agent_ids bigint[]
SELECT count(*) AS waiting
FROM loop
WHERE status <> 'ended'
  AND next_at IS NOT NULL
  AND account_id = $1
  AND agent_id = ANY($2::bigint[]);
