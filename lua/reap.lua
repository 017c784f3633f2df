#!lua flags=allow-oom
-- reap: take leases away that ended unsettled; their loops wait again, due as they were.
-- Flow     leased -> waiting
-- Uses     keys slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] wall_ms    ARGV[4] limit (leases)    ARGV[5] 1: free their call slots
-- Returns  {lane, loop, due_ms, claim_id, ...}
-- Tokens are not refunded: whether the call went out is not known here.
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
call('ZREMRANGEBYSCORE', CALLS, '-inf', int(now))

local members = call('ZRANGE', LEASES, '-inf', ARGV[3], 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[4]))
if #members == 0 then return {} end
local values = call('HMGET', HOLDER, unpack(members))
call('ZREM', LEASES, unpack(members))
call('HDEL', HOLDER, unpack(members))

local out, by_lane = {}, {}
for k, member in ipairs(members) do
  local lane, loop = string.match(member, '^([^:]+):(.+)$')
  if values[k] then
    local claim, due, next = parse_holder(values[k])
    for _, value in ipairs({lane, loop, due, claim}) do out[#out + 1] = value end
    local group = by_lane[lane]
    if not group then
      group = {loops = {}, back = {}, dues = {}}
      by_lane[lane] = group
    end
    group.loops[#group.loops + 1] = loop
    if next ~= 'x' then
      group.back[#group.back + 1] = loop
      group.dues[#group.dues + 1] = tonumber(next) or tonumber(due)
    end
  end
end

for id, group in pairs(by_lane) do
  local lane = lane_of(id)
  if ARGV[5] == '1' then free_calls(lane, group.loops) end
  if lane.class and #group.back > 0 then -- a dropped lane takes nothing back
    count_waiting(lane, put(id, group.back, group.dues))
    file(lane)
  end
end
for id in pairs(by_lane) do
  admit_all(lane_of(id).gates)
  admit_all(lane_of(id).left)
end
ring()
return out
