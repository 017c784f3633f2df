-- placing: loops onto a lane, wherever they are now: waiting there at another instant, held, or nowhere.

-- Reads `count` triples {loop, due, was} of ARGV from index i; `was` is where the loop waits if it does,
-- '' for anywhere, 0 for nowhere. Fails before anything is written when one is no number.
local function read_triples(i, count)
  local items = {}
  for k = i, i + 3 * count - 1, 3 do
    local due, was = tonumber(ARGV[k + 1]), ARGV[k + 2]
    if not due then error('due is no number') end
    items[#items + 1] = {loop = ARGV[k], due = due, text = ARGV[k + 1], was = was ~= '' and tonumber(was)}
  end
  return items
end

-- Places them, earliest due answered. `freed` holds members whose lease ended in this very call: they wait nowhere.
-- Answers how many were not waiting there before.
local function place(lane, items, freed)
  local loops = {}
  for i, item in ipairs(items) do loops[i] = item.loop end
  local members, values = {}, {}
  if call('EXISTS', HOLDER) == 1 then members, values = held(lane.id, loops) end
  local search, known, fresh = {}, {}, {}
  for i, item in ipairs(items) do
    if values[i] then
      set_next(members[i], values[i], item.text)
    else
      fresh[#fresh + 1] = item.loop
      fresh[#fresh + 1] = item.due
      if not item.was then
        if not (freed and freed[lane.id .. ':' .. item.loop]) then search[#search + 1] = item.loop end
      elseif item.was > 0 and math.floor(item.was / slot_ms) ~= math.floor(item.due / slot_ms) then
        known[#known + 1] = item.loop
        known[#known + 1] = item.was
      end
    end
  end
  local change = 0
  if #search > 0 then change = change - pull_wherever(lane.id, search) end
  if #known > 0 then change = change - pull_from(lane.id, known) end
  change = change + put(lane.id, fresh)
  count_waiting(lane, change)
  return change
end

-- The leading items for which `budget` searches suffice (the first one always goes), and what is left of it.
local function affordable(lane, items, budget, freed, first)
  local slots, part = slot_count(lane.id), {}
  for _, item in ipairs(items) do
    if not item.was and not (freed and freed[lane.id .. ':' .. item.loop]) then
      if budget < slots and not (first and #part == 0) then break end
      budget = budget - slots
    end
    part[#part + 1] = item
  end
  return part, budget
end
