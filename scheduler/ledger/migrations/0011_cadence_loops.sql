-- Loops that follow cadences: which version of which, and where in it they stand.

-- Loops of an older version than `applied_version` go over to that one: no permit is given before.
ALTER TABLE cadence
    ADD COLUMN applied_version integer NOT NULL DEFAULT 0,
    ADD COLUMN used boolean NOT NULL DEFAULT false;      -- leads were enrolled in it, or are about to be

-- The cadence that an agent follows whose leads name none, out of its settings.
ALTER TABLE agent
    ADD COLUMN cadence_id bigint GENERATED ALWAYS AS
        (CASE WHEN auto_dialer ->> 'strategy' = 'cadence' THEN (auto_dialer ->> 'cadence_id')::bigint END) STORED,
    ADD CONSTRAINT agent_cadence FOREIGN KEY (account_id, cadence_id) REFERENCES cadence (account_id, cadence_id),
    ADD CONSTRAINT agent_cadence_named
        CHECK ((auto_dialer ->> 'strategy' IS DISTINCT FROM 'cadence') = (cadence_id IS NULL));

CREATE INDEX agent_of_cadence ON agent (cadence_id) WHERE cadence_id IS NOT NULL;

-- A batch's leads follow its cadence where it has one, else their agent's settings.
ALTER TABLE batch
    ADD COLUMN cadence_id bigint,
    ADD CONSTRAINT batch_cadence FOREIGN KEY (account_id, cadence_id) REFERENCES cadence (account_id, cadence_id);

ALTER TABLE loop
    ADD COLUMN cadence_id bigint,
    ADD COLUMN cadence_version integer,                  -- under which it is planned
    ADD COLUMN cadence_chosen boolean NOT NULL DEFAULT false,  -- for this loop, not by its agent's settings
    ADD COLUMN trail json,                               -- the attempts of its run, as the planner takes them
    ADD CONSTRAINT loop_cadence_version CHECK ((cadence_id IS NULL) = (cadence_version IS NULL));

CREATE INDEX loop_of_cadence ON loop (cadence_id, loop_id) WHERE cadence_id IS NOT NULL AND status <> 'ended';

ALTER TABLE attempt
    ADD COLUMN cadence_id bigint,
    ADD COLUMN cadence_version integer;
