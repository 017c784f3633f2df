-- Proof of each attempt: a record of what was known and decided, chained by hashes to the one before of its account.

-- Settings as they were at each version of an agent's policy, kept when the change commits. (Deferred: a change touches
-- account, agents, days and closures one after the other.)
CREATE TABLE policy_kept (
    account_id     bigint NOT NULL,
    agent_id       bigint NOT NULL,
    policy_version bigint NOT NULL,
    settings       json NOT NULL,
    PRIMARY KEY (account_id, agent_id, policy_version)
);

CREATE FUNCTION keep_policies(of_agents bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO policy_kept (account_id, agent_id, policy_version, settings)
    SELECT ag.account_id, ag.agent_id, ag.policy_version, json_build_object(
               'voice', ag.voice, 'timezone', coalesce(ag.timezone, ac.timezone), 'auto_dialer', ag.auto_dialer,
               'windows', coalesce(ag.windows, ac.windows), 'live_after_hours', ac.live_after_hours, 'strict', ac.strict,
               'frequency_caps', ac.frequency_caps, 'jitter_max_s', ac.jitter_max_s, 'simulated', ac.simulated,
               'no_call_days', coalesce((SELECT json_agg(json_build_object('date', d.date, 'label', d.label,
                                                                           'regions', d.regions, 'yearly', d.yearly)
                                                         ORDER BY d.date, d.no_call_day_id)
                                         FROM no_call_day AS d WHERE d.account_id = ac.account_id), '[]'),
               'closures', coalesce((SELECT json_agg(json_build_object(
                                                'from_ms', (extract(epoch FROM c.starts_at) * 1000)::bigint,
                                                'until_ms', (extract(epoch FROM c.ends_at) * 1000)::bigint,
                                                'regions', c.regions, 'reason', c.reason) ORDER BY c.closure_id)
                                     FROM closure AS c WHERE c.account_id = ac.account_id), '[]'))
    FROM agent AS ag
    JOIN account AS ac USING (account_id)
    WHERE ag.agent_id = ANY(of_agents)
    ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION keep_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_policies(ARRAY[NEW.agent_id]);
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER agent_policy_kept AFTER INSERT OR UPDATE OF policy_version ON agent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keep_policy();

SELECT keep_policies(array_agg(agent_id)) FROM agent;

CREATE TABLE attempt_record (
    account_id    bigint NOT NULL,
    number        bigint NOT NULL,             -- in the account's chain, from 1 without a hole
    attempt_id    bigint NOT NULL,
    revision      smallint NOT NULL,           -- of the attempt: one more when its result is put right
    recorded_at   timestamptz NOT NULL,
    body          text NOT NULL,               -- JSON, byte for byte as it was hashed
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL,
    PRIMARY KEY (account_id, number),
    UNIQUE (account_id, attempt_id, revision)
);

-- How far each account's chain has come. `news_seq`: its events are recorded up to this one. `since`: every attempt that
-- was armed from then on has a record.
CREATE TABLE record_head (
    account_id bigint PRIMARY KEY,
    number     bigint NOT NULL,
    hash       bytea NOT NULL,
    news_seq   bigint NOT NULL,
    since      timestamptz NOT NULL
);

GRANT SELECT, INSERT ON policy_kept TO dialwheel_service, dialwheel_tenant;
GRANT SELECT, INSERT ON attempt_record TO dialwheel_service;
GRANT SELECT, INSERT, UPDATE ON record_head TO dialwheel_service;
GRANT SELECT ON attempt_record, record_head TO dialwheel_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy_kept', 'attempt_record', 'record_head'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY service ON %I TO dialwheel_service USING (true)', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO dialwheel_tenant USING '
            '(account_id = (SELECT nullif(current_setting(''dialwheel.account_id'', true), '''')::bigint))', name);
    END LOOP;
END
$$;
