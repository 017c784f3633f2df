-- shards_keep: the accounts are spread over that many shards from now on.
-- $1 shards integer
UPDATE installation SET shards = $1;
