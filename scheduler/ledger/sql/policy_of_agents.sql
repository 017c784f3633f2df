-- policy_of_agents: all that decides when the loops of these agents are called.
-- $1 agent_ids bigint[]
SELECT ag.agent_id, ag.account_id, ag.voice, ag.policy_version, ag.auto_dialer,
       coalesce(ag.timezone, ac.timezone) AS timezone,
       coalesce(ag.windows, ac.windows) AS windows,
       ac.live_after_hours, ac.strict, ac.frequency_caps, ac.jitter_max_s,
       ac.paused AS account_paused, ag.paused AS agent_paused,
       ARRAY(SELECT d.date::text FROM no_call_day AS d
             WHERE d.account_id = ac.account_id ORDER BY d.date) AS no_call_dates,
       ARRAY(SELECT d.label FROM no_call_day AS d
             WHERE d.account_id = ac.account_id ORDER BY d.date) AS no_call_labels
FROM agent AS ag
JOIN account AS ac USING (account_id)
WHERE ag.agent_id = ANY($1::bigint[]);
