-- Operators: the account that manages the others, accounts that are suspended, what is known of each key,
-- and from where a change was asked for.

ALTER TABLE account
    ADD COLUMN operator     boolean NOT NULL DEFAULT false,  -- may make, change and suspend other accounts
    ADD COLUMN suspended_at timestamptz;                     -- its keys are refused since then

UPDATE account SET operator = true WHERE account_id = (SELECT min(account_id) FROM account);

ALTER TABLE api_key
    ADD COLUMN number       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- public ids and pages go by it
    ADD COLUMN created_by   text NOT NULL DEFAULT 'cli',
    ADD COLUMN last_used_at timestamptz;                     -- to the minute

CREATE INDEX api_key_of_account ON api_key (account_id, number);

ALTER TABLE audit ADD COLUMN address text;                   -- of who asked, as the server saw it
CREATE INDEX audit_of_account ON audit (account_id, audit_id);
