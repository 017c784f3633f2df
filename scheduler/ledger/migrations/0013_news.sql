-- News: what happened, for those who ask, are told live, or have it sent to them. One row for each group of like
-- events, written in the transaction of the change; an event is an element of its arrays.

CREATE TABLE news (
    news_id    bigint GENERATED ALWAYS AS IDENTITY,  -- a lead's changes wait for each other, and so rise in it
    account_id bigint NOT NULL,
    type       text NOT NULL,
    at         timestamptz NOT NULL,
    ids        bigint[] NOT NULL CHECK (cardinality(ids) > 0),  -- what it happened to, by the type's kind
    lead_ids   bigint[] NOT NULL,                    -- of each; empty: of a lead's events the ids, else nobody's
    batch_ids  bigint[] NOT NULL,                    -- of each, or one for all; empty or 0: none
    extra      json,                                 -- what all of the group have in common
    seq        bigint                                -- the account's number of the last event; null until numbered
);

CREATE UNIQUE INDEX news_numbered ON news (account_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX news_fresh ON news (news_id) WHERE seq IS NULL;

-- How far each account's events are numbered, and up to which of them they are no longer kept.
CREATE TABLE news_head (
    account_id bigint PRIMARY KEY,
    seq        bigint NOT NULL,
    purged_seq bigint NOT NULL DEFAULT 0
);

-- Tickets open an event stream where no header can be sent: once, and soon.
CREATE TABLE stream_ticket (
    account_id  bigint NOT NULL REFERENCES account,
    ticket_hash bytea NOT NULL,
    key_id      text NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, ticket_hash)
);

-- An entry of the list is told of by its number: the phone stays in one place.
ALTER TABLE suppression ADD COLUMN suppression_id bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX suppression_number ON suppression (account_id, suppression_id);

-- When the last batch.progress of a batch was told, in wall time: they keep a distance.
ALTER TABLE batch ADD COLUMN progress_told_at timestamptz;
