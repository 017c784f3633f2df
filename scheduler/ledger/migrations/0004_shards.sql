-- How many shards the accounts are spread over: an account lies on shard account_id % shards. The setting counts at
-- the first start, and afterwards has to say the same; `dialwheel wheel reshard` changes it.
ALTER TABLE installation ADD COLUMN shards integer NOT NULL DEFAULT 1 CHECK (shards BETWEEN 1 AND 1024);
UPDATE installation SET shards = (SELECT coalesce(max(shard), 0) + 1 FROM lane);
