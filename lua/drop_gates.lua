#!lua flags=allow-oom
-- drop_gates: gates off the wheel with the calls they count. A lane that names one still gives out nothing.
-- Uses     keys gates
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  a gate    ARGV[2..] more, 1000 at most
-- Returns  how many there were
local found = 0
for _, id in ipairs(ARGV) do
  found = found + call('EXISTS', rule_key(id))
  call('UNLINK', rule_key(id), calls_key(id))
  call('ZREM', SHUT, id)
end
return found
