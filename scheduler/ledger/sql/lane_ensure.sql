-- lane_ensure: make the lanes that are missing.
-- $1 agent_ids bigint[]  $2 classes text[]  $3 batch_ids bigint[]  $4 place_ids integer[]
INSERT INTO lane (shard, account_id, agent_id, class, batch_id, place_id)
SELECT ag.account_id % coalesce(i.shards, 1), ag.account_id, k.agent_id, k.class, k.batch_id, k.place_id
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::integer[]) AS k (agent_id, class, batch_id, place_id)
JOIN agent AS ag USING (agent_id)
LEFT JOIN installation AS i ON true
ON CONFLICT (agent_id, class, batch_id, place_id) DO NOTHING;
