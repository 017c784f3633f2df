-- placing: loops onto a lane, wherever they are now: waiting there at another instant, held, or nowhere.

-- Reads `count` triples loop, due, was of ARGV from index i; `was` is where the loop waits if it does,
-- '' for anywhere, 0 for nowhere. Fails before anything is written when a due instant is no number.
local function read_triples(i, count)
  local loops, dues, was, last = {}, {}, {}, i + 3 * count - 1
  local n = 0
  for k = i, last, 3 do
    n = n + 1
    loops[n] = ARGV[k]
    dues[n] = tonumber(ARGV[k + 1]) or error('a due instant is no number')
    was[n] = tonumber(ARGV[k + 2]) or false
  end
  return {loops = loops, dues = dues, was = was}
end

-- How many leading items `budget` searches suffice for (the first one always, if `first`), and what is left of it.
-- `freed` holds the loops of this lane whose lease ended in this very call: they wait nowhere.
local function affordable(lane, items, budget, freed, first)
  local slots = slot_count(lane.id)
  for i, loop in ipairs(items.loops) do
    if not items.was[i] and not freed[loop] then
      if budget < slots and not (first and i == 1) then return i - 1, budget end
      budget = budget - slots
    end
  end
  return #items.loops, budget
end

-- Places the first `count` items; answers how many were not waiting there before.
local function place(lane, items, count, freed)
  local loops, dues, was = items.loops, items.dues, items.was
  local asked, holder = {}, {}
  for i = 1, count do
    if not freed[loops[i]] then asked[#asked + 1] = loops[i] end
  end
  if #asked > 0 and call('HLEN', HOLDER) > 1 then -- beside the anchor
    local members, values = held(lane.id, asked)
    for i, loop in ipairs(asked) do
      if values[i] then holder[loop] = {members[i], values[i]} end
    end
  end
  local put_loops, put_dues, search, moved, moved_from, n = {}, {}, {}, {}, {}, 0
  for i = 1, count do
    local loop, due, from = loops[i], dues[i], was[i]
    if holder[loop] then
      set_next(holder[loop][1], holder[loop][2], int(due))
    else
      n = n + 1
      put_loops[n], put_dues[n] = loop, due
      if not from then
        if not freed[loop] then search[#search + 1] = loop end
      elseif from > 0 and floor(from / slot_ms) ~= floor(due / slot_ms) then
        moved[#moved + 1], moved_from[#moved_from + 1] = loop, from
      end
    end
  end
  local change = 0
  if #search > 0 then change = change - pull_wherever(lane.id, search) end
  if #moved > 0 then change = change - pull_from(lane.id, moved, moved_from) end
  change = change + put(lane.id, put_loops, put_dues)
  count_waiting(lane, change)
  return change
end
