-- recalculate_stored: what is planned for these loops, of those that wait.
-- $1 loop_ids bigint[]
SELECT lo.loop_id, lo.lead_id, lo.lane_id, la.shard, lo.status, lo.next_at, lo.open_until, lo.next_kind,
       lo.next_step, lo.next_channel, lo.why, lo.held
FROM loop AS lo
JOIN lane AS la ON la.lane_id = lo.lane_id
WHERE lo.loop_id = ANY($1::bigint[])
  AND lo.next_at IS NOT NULL;
