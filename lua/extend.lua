#!lua flags=allow-oom
-- extend: renew leases. A claim has one lease: a loop that is held renews it for all that its claim holds.
-- Flow     leased -> leased
-- Uses     keys leases
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  lease end, wall ms    ARGV[2..] lane, claim_id, count, loops; lane, ...
-- Returns  positions (from 1, over all groups) of the stale: not held by that claim, nothing changed for them
local stale, position, i, mine = {}, 0, 2, {}
while i <= #ARGV do
  local lane, claim, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  for _, value in ipairs(call('HMGET', held_key(lane), unpack(ARGV, i + 3, i + 2 + count))) do
    position = position + 1
    if value and parse_holder(value) == claim then mine[claim] = true else stale[#stale + 1] = position end
  end
  i = i + 3 + count
end
for claim in pairs(mine) do call('ZADD', LEASES, 'XX', ARGV[1], claim) end
return stale
