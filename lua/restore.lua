#!lua
-- restore: calls under way take their slots again.
-- Uses     keys
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  gate    ARGV[2..] hard end in ms, loop; hard end, ...
-- Returns  1
call('ZADD', calls_key(ARGV[1]), unpack(ARGV, 2))
call('ZADD', CALLS, unpack(ARGV, 2))
return 1
