#!lua flags=allow-oom
-- begin: the shard is forgotten, rules included, and claims are refused. What others write at this moment lands before,
-- and is forgotten with the rest, or after, and stays.
-- Uses     keys
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  none
-- Returns  the start of every key that counts from now on: all others of the shard may be deleted
call('DEL', EPOCH)
return keys_of(call('INCR', GENERATION))
