-- policy_of_agents: all that decides when the loops of these agents are called.
-- $1 agent_ids bigint[]
SELECT ag.agent_id, ag.account_id, ag.voice, ag.policy_version, ag.auto_dialer,
       coalesce(ag.timezone, ac.timezone) AS timezone,
       coalesce(ag.windows, ac.windows) AS windows,
       ac.live_after_hours, ac.strict, ac.frequency_caps, ac.jitter_max_s, ac.simulated,
       ac.paused AS account_paused, ag.paused AS agent_paused, ag.deleted_at IS NOT NULL AS deleted,
       coalesce((SELECT json_agg(json_build_object('date', d.date, 'label', d.label, 'regions', d.regions,
                                                   'yearly', d.yearly) ORDER BY d.date, d.no_call_day_id)
                 FROM no_call_day AS d WHERE d.account_id = ac.account_id), '[]') AS no_call_days,
       coalesce((SELECT json_agg(json_build_object('from_ms', (extract(epoch FROM c.starts_at) * 1000)::bigint,
                                                   'until_ms', (extract(epoch FROM c.ends_at) * 1000)::bigint,
                                                   'regions', c.regions, 'reason', c.reason)
                                 ORDER BY c.closure_id)
                 FROM closure AS c WHERE c.account_id = ac.account_id), '[]') AS closures
FROM agent AS ag
JOIN account AS ac USING (account_id)
WHERE ag.agent_id = ANY($1::bigint[]);
