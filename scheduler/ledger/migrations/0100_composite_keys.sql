-- What belongs to an account refers to what is of the same account, by keys of both: no statement can lead from one
-- tenant to another. Each constraint is added first and looked at afterwards, so that a big table is not locked long.
-- Leads, loops and attempts have none (see 0001): a key from loops to leads took 9 to 15 % more of Postgres' time in an
-- import (60,000 rows, three rounds side by side), and to be referred to leads need an index that locks them while made.
ALTER TABLE agent ADD CONSTRAINT agent_of_account UNIQUE (account_id, agent_id);
ALTER TABLE batch ADD CONSTRAINT batch_of_account UNIQUE (account_id, batch_id);

ALTER TABLE batch
    ADD CONSTRAINT batch_agent FOREIGN KEY (account_id, agent_id) REFERENCES agent (account_id, agent_id) NOT VALID;
ALTER TABLE batch VALIDATE CONSTRAINT batch_agent;
ALTER TABLE batch DROP CONSTRAINT batch_agent_id_fkey;

ALTER TABLE import
    ADD CONSTRAINT import_batch FOREIGN KEY (account_id, batch_id) REFERENCES batch (account_id, batch_id) NOT VALID;
ALTER TABLE import VALIDATE CONSTRAINT import_batch;
ALTER TABLE import DROP CONSTRAINT import_batch_id_fkey;

ALTER TABLE lane
    ADD CONSTRAINT lane_agent FOREIGN KEY (account_id, agent_id) REFERENCES agent (account_id, agent_id) NOT VALID;
ALTER TABLE lane VALIDATE CONSTRAINT lane_agent;
ALTER TABLE lane DROP CONSTRAINT lane_agent_id_fkey;
