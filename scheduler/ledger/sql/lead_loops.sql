-- lead_loops: the active loops of leads, which are locked, and where they wait.
-- $1 lead_ids bigint[]
SELECT lo.lead_id, lo.loop_id, lo.status, lo.agent_id, lo.batch_id, lo.lane_id, lo.next_at, lo.step, la.shard
FROM loop AS lo
JOIN lane AS la USING (lane_id)
WHERE lo.lead_id = ANY($1::bigint[])
  AND lo.status <> 'ended';
