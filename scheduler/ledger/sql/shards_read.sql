-- shards_read: over how many shards the accounts are spread.
SELECT shards FROM installation;
