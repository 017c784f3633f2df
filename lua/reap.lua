#!lua flags=allow-oom
-- reap: take leases away that ended unsettled; their loops wait again, due as they were.
-- Flow     leased -> waiting
-- Uses     keys slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] wall_ms    ARGV[4] limit (loops)    ARGV[5] 1: free their call slots
-- Returns  {lane, loop, due_ms, claim_id, ...}
-- Tokens are not refunded: whether the call went out is not known here.
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local left, out, by_lane = tonumber(ARGV[4]), {}, {}
call('ZREMRANGEBYSCORE', CALLS, '-inf', int(now))

-- Takes the loops of a claim on one lane that are held still, no more than `left`.
local function take_back(claim, id, had)
  local group = by_lane[id] or {loops = {}, back = {}, dues = {}}
  by_lane[id] = group
  local taken = {}
  for k, value in ipairs(call('HMGET', held_key(id), unpack(had.loops))) do
    local holder_id, next
    if value then holder_id, next = parse_holder(value) end
    if holder_id == claim and left > 0 then
      local loop, due = had.loops[k], had.dues[had.loops[k]]
      left, taken[#taken + 1] = left - 1, loop
      for _, word in ipairs({id, loop, int(due), claim}) do out[#out + 1] = word end
      group.loops[#group.loops + 1] = loop
      if next ~= 'x' then
        group.back[#group.back + 1] = loop
        group.dues[#group.dues + 1] = tonumber(next) or due
      end
    end
  end
  if #taken > 0 then call('HDEL', held_key(id), unpack(taken)) end
  return #taken
end

for _, claim in ipairs(call('ZRANGE', LEASES, '-inf', ARGV[3], 'BYSCORE', 'LIMIT', 0, left)) do
  local count = 0
  for id, had in pairs(record(claim)) do
    if left > 0 then count = count + take_back(claim, id, had) end
  end
  if left < 1 then
    let_go(claim, count)
    break
  end
  end_claim(claim) -- all that it held still
end
if #out == 0 then return out end

for id, group in pairs(by_lane) do
  local lane = lane_of(id)
  if ARGV[5] == '1' and #group.loops > 0 then free_calls(lane, group.loops) end
  if lane.class and #group.back > 0 then -- a dropped lane takes nothing back
    count_waiting(lane, put(lane, group.back, group.dues, #group.back))
    file(lane)
  end
end
for id in pairs(by_lane) do
  admit_all(lane_of(id).gates)
  admit_all(lane_of(id).left)
end
ring()
return out
