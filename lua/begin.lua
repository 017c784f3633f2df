#!lua flags=allow-oom
-- begin: a builder is at the shard: it is forgotten, rules included, and claims are refused. What others write at this
-- moment lands before, and is forgotten with the rest, or after, and stays. Or it is only mended, which its epoch, of
-- another server, has claims refused for.
-- Uses     keys server
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  builder: its mark, which open asks for; '' for none    ARGV[2] 1: nothing is forgotten
-- Returns  the start of every key that counts from now on: all others of the shard may be deleted
if ARGV[1] == '' then
  call('DEL', BUILDING)
else
  call('SET', BUILDING, ARGV[1] .. ' ' .. run_id())
end
if ARGV[2] == '1' then return keys_of(call('GET', GENERATION) or '0') end
call('DEL', EPOCH)
return keys_of(call('INCR', GENERATION))
