#!lua flags=allow-oom
-- extend: renew leases.
-- Flow     leased -> leased
-- Uses     keys leases
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  lease end, wall ms    ARGV[2..] lane, claim_id, count, loops; lane, ...
-- Returns  positions (from 1, over all groups) of the stale: not held by that claim, nothing changed for them
local stale, position, i = {}, 0, 2
while i <= #ARGV do
  local lane, claim, count, loops = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), {}
  for k = 1, count do loops[k] = ARGV[i + 2 + k] end
  i = i + 3 + count
  local members, values = held(lane, loops)
  local mine = {}
  for k, value in ipairs(values) do
    position = position + 1
    if value and holds(value, claim) then
      mine[#mine + 1] = ARGV[1]
      mine[#mine + 1] = members[k]
    else
      stale[#stale + 1] = position
    end
  end
  if #mine > 0 then call('ZADD', LEASES, 'XX', unpack(mine)) end
end
return stale
