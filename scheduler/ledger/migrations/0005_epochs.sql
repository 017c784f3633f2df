-- The epoch that each shard of the wheel is to be at. A rebuild writes a new one before it reads which calls are under
-- way: claims of an earlier epoch hold slots that nobody remembers, so they are not armed any more.
CREATE TABLE wheel_epoch (
    shard integer PRIMARY KEY CHECK (shard >= 0),
    epoch text NOT NULL
);
