-- placing: loops onto a lane, wherever they are now: waiting there at another instant, held, or nowhere.

-- Reads a group of ARGV from index i: lane, kind, count, then count times loop and due, of kind 'm' loop, due, was. Kind
-- 'n': it waits nowhere, or at that very instant; 's': the lane is searched; 'm': it waits at `was` if it does. Fails
-- before anything is written when an instant is no number. Answers the group and the index after it.
local function read_placings(i)
  local kind, count = ARGV[i + 1], tonumber(ARGV[i + 2])
  local loops, dues, was = {}, {}, kind == 'm' and {}
  local at, width = i + 3, was and 3 or 2
  for n = 1, count do
    loops[n], dues[n] = ARGV[at], tonumber(ARGV[at + 1]) or error('a due instant is no number')
    if was then was[n] = tonumber(ARGV[at + 2]) or error('a due instant is no number') end
    at = at + width
  end
  return {lane = ARGV[i], loops = loops, dues = dues, was = was, search = kind == 's', count = count}, at
end

-- For how many leading loops of a group `budget` searches suffice (the first one always, if `first`), and what is left of
-- it. `freed` holds the loops of this lane whose lease ended in this very call: they wait nowhere.
local function affordable(lane, group, budget, freed, first)
  if not group.search then return group.count, budget end
  local slots = slot_count(lane.id)
  for i, loop in ipairs(group.loops) do
    if not freed[loop] then
      if budget < slots and not (first and i == 1) then return i - 1, budget end
      budget = budget - slots
    end
  end
  return group.count, budget
end

-- Which of these loops are held: loop -> the value of its holder.
local function held_of(lane, loops)
  local out, found = {}, false
  if #loops > 0 and call('EXISTS', held_key(lane)) == 1 then
    for i, value in ipairs(call('HMGET', held_key(lane), unpack(loops))) do
      if value then out[loops[i]], found = value, true end
    end
  end
  return out, found
end

-- Places the first `count` loops of a group; answers how many were not waiting there before.
local function place(lane, group, count, freed)
  local loops, dues, was, change = group.loops, group.dues, group.was, 0
  local asked = loops
  if next(freed) or count < group.count then
    asked = {}
    for i = 1, count do
      if not freed[loops[i]] then asked[#asked + 1] = loops[i] end
    end
  end
  local holders, some_held = held_of(lane.id, asked)
  if some_held then
    local free_loops, free_dues, free_was, n = {}, {}, was and {}, 0
    for i = 1, count do
      local value = holders[loops[i]]
      if value then
        set_next(lane.id, loops[i], value, int(dues[i]))
      else
        n = n + 1
        free_loops[n], free_dues[n] = loops[i], dues[i]
        if was then free_was[n] = was[i] end
      end
    end
    loops, dues, was, count = free_loops, free_dues, free_was, n
  end
  if group.search then
    local search = {}
    for _, loop in ipairs(asked) do
      if not holders[loop] then search[#search + 1] = loop end
    end
    if #search > 0 then change = change - pull_wherever(lane.id, search) end
  elseif was then
    local moved, names = {}, {}
    for i = 1, count do
      local name = slot_of(lane, was[i])
      if name ~= slot_of(lane, dues[i]) then moved[#moved + 1], names[#names + 1] = loops[i], name end
    end
    change = change - pull_from(lane.id, moved, names)
  end
  change = change + put(lane, loops, dues, count)
  count_waiting(lane, change)
  return change
end
