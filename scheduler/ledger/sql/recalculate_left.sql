-- recalculate_left: how many loops of these agents wait under outdated settings.
-- $1 account_id bigint  $2 agent_ids bigint[]
SELECT count(*) AS outdated
FROM loop AS lo
JOIN agent AS ag USING (agent_id)
WHERE lo.status <> 'ended'
  AND lo.next_at IS NOT NULL
  AND lo.account_id = $1
  AND lo.agent_id = ANY($2::bigint[])
  AND lo.policy_version <> ag.policy_version;
