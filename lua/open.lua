#!lua
-- open: the shard is whole; claims that name this epoch are answered from now on.
-- Uses     keys server bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  "<epoch> <slot_ms> <shards>"; stored with the server's id behind it
-- ARGV[2]  builder: the mark that begin left, '' for none
-- Returns  1
-- Errors   EPOCH when the mark is gone, another builder's, or of another server: what was built may be gone as well
if ARGV[2] ~= '' and call('GET', BUILDING) ~= ARGV[2] .. ' ' .. run_id() then
  return redis.error_reply('EPOCH the wheel was lost while it was rebuilt')
end
call('ZADD', CALLS, '+inf', ANCHOR)
call('SET', EPOCH, ARGV[1] .. ' ' .. run_id())
call('DEL', BUILDING)
ring()
return 1
