-- attempt_live: every call that may be under way, for the call slots of a rebuilt wheel.
SELECT a.loop_id, a.account_id, a.agent_id, a.batch_id, a.armed_at, la.shard,
       coalesce(ag.trunk_id, 0) AS trunk_id, coalesce(ag.caller_id_pool_id, 0) AS caller_id_pool_id
FROM attempt AS a
JOIN lane AS la USING (lane_id)
JOIN agent AS ag ON ag.agent_id = a.agent_id
WHERE a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call');
