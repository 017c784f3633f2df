-- Pauses of agents and batches, and what of a paced batch is kept off the wheel until it can be given out.

ALTER TABLE agent ADD COLUMN pauses bigint NOT NULL DEFAULT 0;   -- raised by each pause and each resume
ALTER TABLE batch ADD COLUMN pauses bigint NOT NULL DEFAULT 0,   -- the same
                  ADD COLUMN pause_reason text;

-- A first touch of a paced batch that is not on the wheel yet: neither feeder, sweeper nor rebuild look at it.
ALTER TABLE loop ADD COLUMN held boolean NOT NULL DEFAULT false;

-- What belongs on the wheel, without what is held back. In place of the index on all that waits: each index costs
-- every arm and every settle a write, and what is held back may be a million rows that the sweeper would walk over.
DROP INDEX loop_due;
CREATE INDEX loop_due ON loop (next_at) WHERE next_at IS NOT NULL AND NOT held;
CREATE INDEX loop_held ON loop (lane_id, next_at, loop_id) WHERE held AND next_at IS NOT NULL;

CREATE INDEX lane_of_batch ON lane (batch_id) WHERE batch_id <> 0;
CREATE INDEX import_of_batch ON import (batch_id);
