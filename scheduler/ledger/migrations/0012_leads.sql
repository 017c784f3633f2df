-- Leads: pages by filter, signs of life, calls that a person of ours asked for, and erasure.

ALTER TABLE lead
    ALTER COLUMN phone DROP NOT NULL,
    ADD COLUMN erased_at   timestamptz,        -- since then only ids, counts and states are kept of the person
    ADD COLUMN quiet_until timestamptz,        -- the lead gave a sign of life: nothing automatic before
    ADD CONSTRAINT lead_erased CHECK ((erased_at IS NOT NULL) = (phone IS NULL));

-- An order of its own for each way to narrow a list, so that a page costs the same wherever it begins. No column
-- of them changes with an attempt but the status, which does so once or twice in a lead's life.
CREATE INDEX lead_page ON lead (account_id, created_at, lead_id);
CREATE INDEX lead_page_status ON lead (account_id, status, created_at, lead_id);
CREATE INDEX lead_page_agent ON lead (account_id, agent_id, created_at, lead_id) WHERE agent_id IS NOT NULL;
CREATE INDEX lead_page_batch ON lead (account_id, batch_id, created_at, lead_id) WHERE batch_id IS NOT NULL;
CREATE INDEX lead_page_live ON lead (account_id, created_at, lead_id) WHERE priority = 'live';
CREATE INDEX lead_email ON lead (account_id, lower(email)) WHERE email <> '';
CREATE INDEX lead_tags ON lead USING gin (tags) WHERE tags <> '{}';
CREATE INDEX lead_quiet ON lead (account_id, quiet_until) WHERE quiet_until IS NOT NULL;

ALTER TABLE loop ADD COLUMN once boolean NOT NULL DEFAULT false;  -- made for one call that somebody asked for

CREATE INDEX loop_for_a_person ON loop (account_id, lead_id)
    WHERE status = 'awaiting_result' OR (status = 'waiting_callback' AND next_kind <> 'callback');

CREATE TABLE lead_signal (
    account_id     bigint NOT NULL REFERENCES account,
    lead_signal_id bigint GENERATED ALWAYS AS IDENTITY,
    lead_id        bigint NOT NULL,            -- no foreign key: see 0001
    kind           text NOT NULL CHECK (kind IN
                   ('replied', 'clicked', 'opened', 'booked', 'inbound_call', 'human_takeover')),
    channel        text CHECK (channel IN ('call', 'sms', 'email', 'voicemail_drop')),
    at             timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, lead_signal_id),
    UNIQUE (account_id, lead_id, kind, at)     -- told twice it is one
);

CREATE TABLE suppression_mark (                -- what is left of the suppression of somebody who was erased
    account_id bigint NOT NULL REFERENCES account,
    mark       text NOT NULL,                  -- a keyed hash of the phone
    reason     text NOT NULL,
    source     text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, mark)
);
