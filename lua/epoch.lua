#!lua flags=no-writes
-- epoch: what the shard was opened with, and which process serves it now.
-- Uses     keys server
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  none
-- Returns  {the epoch as stored, empty when there is none; the server's id}
return {call('GET', EPOCH) or '', run_id()}
