-- What outlives a ledger that was put back, and what keeps a broken trunk from burning its leads.

-- Keys sent to providers are made of the installation's id; a ledger put back to an earlier state gets a new one, and
-- what was armed before that cannot be looked up under it.
ALTER TABLE installation ADD COLUMN renewed_at timestamptz;

-- Trunks and agents through which nothing gets at the moment: their gate is shut on the wheel, but for one call in a
-- while that tries. A row goes when such a call got through.
CREATE TABLE breaker (
    kind       text NOT NULL CHECK (kind IN ('t', 'g')),
    id         bigint NOT NULL,
    account_id bigint NOT NULL REFERENCES account,
    reason     text NOT NULL,
    opened_at  timestamptz NOT NULL,
    probe_at   timestamptz NOT NULL,           -- when the next call may try
    PRIMARY KEY (kind, id)
);
