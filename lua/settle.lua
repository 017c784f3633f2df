#!lua flags=allow-oom
-- settle: end leases, free call slots, place what comes next: one step, so that no loop is nowhere in between.
-- Flow     leased -> released, and on to waiting where a placing says so
-- Uses     keys slots gates lanes leases bell placing
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] budget (loops x slots searched)
-- ARGV[4]  release groups    ARGV[5] end groups    ARGV[6] placing groups
-- ARGV[7..] release group: lane, claim_id, sent (1 or 0), count, loops
--           end group: lane, count, loops
--           placing group: lane, count, then count times loop, due_ms, was_ms ('' search the lane, 0 waits nowhere)
-- Returns  {placings done, positions (from 1, over all release groups) of the stale ...}: stale are those not held by
--          that claim, nothing changed for them; placings left undone for want of budget go to place
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local budget, at = tonumber(ARGV[3]), 7

local function read_list(count)
  local list = {}
  for k = 1, count do list[k] = ARGV[at + k - 1] end
  at = at + count
  return list
end

local releases, ends, placings = {}, {}, {}
for k = 1, tonumber(ARGV[4]) do
  local lane, claim, sent, count = ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1', tonumber(ARGV[at + 3])
  at = at + 4
  releases[k] = {lane = lane, claim = claim, sent = sent, loops = read_list(count)}
end
for k = 1, tonumber(ARGV[5]) do
  local lane, count = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  ends[k] = {lane = lane, loops = read_list(count)}
end
for k = 1, tonumber(ARGV[6]) do
  local count = tonumber(ARGV[at + 1])
  placings[k] = {lane = ARGV[at], items = read_triples(at + 2, count)}
  at = at + 2 + 3 * count
end

local before = earliest()
local stale, freed, pending, touched, opened = {}, {}, {}, {}, {}
local position = 0

local function frees(lane, loops)
  free_calls(lane, loops)
  for _, ids in ipairs({lane.gates, lane.left}) do
    for _, id in ipairs(ids) do opened[id] = true end
  end
end

for _, group in ipairs(releases) do
  local lane = lane_of(group.lane)
  local gone = freed[group.lane] or {}
  freed[group.lane] = gone
  local members, values = held(group.lane, group.loops)
  local mine, unsent = {}, {}
  for k, loop in ipairs(group.loops) do
    local value = values[k]
    position = position + 1
    if not value or not holds(value, group.claim) or gone[loop] then
      stale[#stale + 1] = position
    else
      gone[loop] = true
      mine[#mine + 1] = members[k]
      if not group.sent then unsent[#unsent + 1] = loop end
      if string.sub(value, -#PLAIN) ~= PLAIN then
        local _, _, planned, marks = parse_holder(value)
        if tonumber(planned) then pending[members[k]] = {lane, loop, tonumber(planned)} end
        if marks ~= '-' and not group.sent then refund(marks) end
      end
    end
  end
  if #mine > 0 then
    call('ZREM', LEASES, unpack(mine))
    call('HDEL', HOLDER, unpack(mine))
  end
  if #unsent > 0 then frees(lane, unsent) end
end
save_gates()

for _, group in ipairs(ends) do frees(lane_of(group.lane), group.loops) end

local placed = 0
for _, group in ipairs(placings) do
  local lane, gone, count = lane_of(group.lane), freed[group.lane] or {}, 0
  count, budget = affordable(lane, group.items, budget, gone, false)
  if count > 0 then
    place(lane, group.items, count, gone)
    touched[lane.id] = lane
    if next(pending) then
      for k = 1, count do pending[lane.id .. ':' .. group.items.loops[k]] = nil end
    end
  end
  placed = placed + count
  if count < #group.items.loops then break end
end
for _, plan in pairs(pending) do
  count_waiting(plan[1], put(plan[1].id, {plan[2]}, {plan[3]}))
  touched[plan[1].id] = plan[1]
end
for _, lane in pairs(touched) do file(lane) end

local back = 0
for id in pairs(opened) do back = back + admit(id, false, 64) end
local after = earliest()
if back > 0 or after < before or (after <= now and next(touched)) then ring() end
return {placed, unpack(stale)}
