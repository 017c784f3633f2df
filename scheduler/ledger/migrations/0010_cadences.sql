-- Cadences: a draft that people edit, and immutable versions that loops run. Templates to begin a draft from.

CREATE SEQUENCE cadence_step_id;               -- a step's number stays its own through versions and moves

CREATE TABLE cadence (
    cadence_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id    bigint NOT NULL REFERENCES account,
    name          text NOT NULL,
    description   text NOT NULL DEFAULT '',
    status        text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'inactive', 'archived')),
    version       integer CHECK (version > 0), -- the latest that was published
    draft         json NOT NULL,               -- a CadenceForm; where it names cadences, their numbers as text
    draft_version bigint NOT NULL DEFAULT 1,   -- raised by every change of this row
    draft_dirty   boolean NOT NULL DEFAULT true,  -- the draft says something else than the latest version
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    UNIQUE (account_id, cadence_id),
    CHECK (status = 'archived' OR (status = 'draft') = (version IS NULL))
);

CREATE UNIQUE INDEX cadence_name ON cadence (account_id, name) WHERE status <> 'archived';

CREATE TABLE cadence_version (                 -- append-only
    account_id   bigint NOT NULL,
    cadence_id   bigint NOT NULL,
    version      integer NOT NULL,
    content      json NOT NULL,                -- as the draft was, with the name that it had then
    note         text NOT NULL DEFAULT '',
    published_by text NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, cadence_id, version),
    UNIQUE (cadence_id, version),
    FOREIGN KEY (account_id, cadence_id) REFERENCES cadence (account_id, cadence_id) ON DELETE CASCADE
);

ALTER TABLE cadence
    ADD FOREIGN KEY (account_id, cadence_id, version)
        REFERENCES cadence_version (account_id, cadence_id, version);

CREATE TABLE template (                        -- numbers below 1000 are those of the built-in ones
    template_id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000) PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    content     json NOT NULL,                 -- a CadenceForm
    version     bigint NOT NULL DEFAULT 1,     -- raised by every change
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (account_id, name),
    UNIQUE (account_id, template_id)
);
