#!lua
-- open: the shard is whole; claims that name this epoch are answered from now on.
-- Uses     keys server bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  "<epoch> <slot_ms> <shards>"; stored with the server's id behind it
-- Returns  1
call('ZADD', CALLS, '+inf', ANCHOR)
call('SET', EPOCH, ARGV[1] .. ' ' .. run_id())
ring()
return 1
