#!lua flags=allow-oom
-- withdraw: loops off the wheel, wherever they wait; one that is held does not come back when its lease ends.
-- Flow     waiting -> nowhere; leased -> nowhere once the lease ends
-- Uses     keys slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms (0 when not known: lanes at gates are then asked again sooner)    ARGV[2] slot_ms
-- ARGV[3]  budget (loops x slots searched)    ARGV[4..] lane, count, loops; lane, ...
-- Returns  {loops done, how many were waiting or held}: fewer done than given when a search would take too long
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local budget = tonumber(ARGV[3])
local done, found, back, i = 0, 0, 0, 4
while i <= #ARGV do
  local lane, count = lane_of(ARGV[i]), tonumber(ARGV[i + 1])
  local slots, loops = max(1, slot_count(lane.id)), {}
  for k = 1, count do
    if budget < slots and done + #loops > 0 then break end
    budget = budget - slots
    loops[k] = ARGV[i + 1 + k]
  end
  if #loops > 0 then
    for k, value in ipairs(call('HMGET', held_key(lane.id), unpack(loops))) do
      if value then
        set_next(lane.id, loops[k], value, 'x')
        found = found + 1
      end
    end
    local removed = pull_wherever(lane.id, loops)
    found, done = found + removed, done + #loops
    if removed > 0 then
      count_waiting(lane, -removed)
      file(lane)
      -- the lane may have been let through a gate for this work: the room is another's now
      back = back + admit_all(lane.gates)
    end
  end
  if #loops < count then break end
  i = i + 2 + count
end
if back > 0 then ring() end
return {done, found}
