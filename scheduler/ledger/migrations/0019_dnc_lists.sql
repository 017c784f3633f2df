-- Lists of numbers that an account never calls, beside the people who asked it not to. `suppression` stays what the arm
-- asks: one row a phone, whoever put it there.

CREATE TABLE dnc_list (
    dnc_list_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account,
    name        text NOT NULL,
    source      text NOT NULL DEFAULT '',      -- where it is from: a registry, a partner, a file
    entries     bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (account_id, name),
    UNIQUE (account_id, dnc_list_id)
);

CREATE TABLE dnc_member (                      -- which numbers a list has
    account_id  bigint NOT NULL,
    dnc_list_id bigint NOT NULL,
    phone       text NOT NULL,
    PRIMARY KEY (account_id, phone, dnc_list_id),
    FOREIGN KEY (account_id, dnc_list_id) REFERENCES dnc_list (account_id, dnc_list_id)
);
CREATE INDEX dnc_member_of_list ON dnc_member (dnc_list_id, phone);

-- true: only because lists have it; with the last of them it goes
ALTER TABLE suppression ADD COLUMN listed boolean NOT NULL DEFAULT false;
