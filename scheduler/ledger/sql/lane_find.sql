-- lane_find: lanes by what they are made of.
-- $1 agent_ids bigint[]  $2 classes text[]  $3 batch_ids bigint[]  $4 place_ids integer[]
SELECT l.lane_id, l.shard, l.account_id, l.agent_id, l.class, l.batch_id, l.place_id
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::integer[]) AS k (agent_id, class, batch_id, place_id)
JOIN lane AS l USING (agent_id, class, batch_id, place_id);
