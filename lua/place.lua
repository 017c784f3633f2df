#!lua
-- place: loops onto lanes, each at its due instant; one that waits there at another instant moves.
-- Flow     nowhere or waiting -> waiting; a leased loop keeps the instant for when its lease ends
-- Uses     keys slots gates lanes leases bell placing
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] budget (loops x slots searched)
-- ARGV[4..] lane, kind, count, then count times loop, due_ms, of kind 'm' was_ms as well; lane, ...
--           kind 'n': waits nowhere or there, 's': search the lane, 'm': waits at was_ms if it does
-- Returns  {loops done, how many were not waiting there before}: fewer done than given when the search
--          through many slots would take too long: call again with the rest
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local budget = tonumber(ARGV[3])

local groups, i = {}, 4
while i <= #ARGV do groups[#groups + 1], i = read_placings(i) end

local touched, due_now, done, added = {}, false, 0, 0
for _, group in ipairs(groups) do
  local lane = lane_of(group.lane)
  local part
  part, budget = affordable(lane, group, budget, {}, done == 0)
  for k = 1, part do
    if group.dues[k] <= now then
      due_now = true
      break
    end
  end
  if part > 0 then
    added = added + place(lane, group, part, {})
    file(lane)
    touched[lane.id] = lane
  end
  done = done + part
  if part < group.count then break end
end

local first = earliest()
if due_now and first <= now or any_first(touched, first) then ring() end
return {done, added}
