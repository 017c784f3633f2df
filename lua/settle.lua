#!lua flags=allow-oom
-- settle: end leases, free call slots, place what comes next: one step, so that no loop is nowhere in between.
-- Flow     leased -> released, and on to waiting where a placing says so
-- Uses     keys slots gates lanes leases bell placing
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] budget (loops x slots searched)
-- ARGV[4]  release groups    ARGV[5] end groups    ARGV[6] placing groups
-- ARGV[7..] release group: lane, claim_id, sent (1 or 0), count, loops
--           end group: lane, count, then count times loop, bound: a slot whose hard end is later is that of the loop's
--           next call and stays ('' no bound)
--           placing group: lane, kind, count, then count times loop, due_ms, as place reads it
-- Returns  {placings done, positions (from 1, over all release groups) of the stale ...}: stale are those not held by
--          that claim, nothing changed for them; placings left undone for want of budget go to place
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local budget, at = tonumber(ARGV[3]), 7

local releases, ends, placings = {}, {}, {}
for k = 1, tonumber(ARGV[4]) do
  local count = tonumber(ARGV[at + 3])
  releases[k] = {lane = ARGV[at], claim = ARGV[at + 1], sent = ARGV[at + 2] == '1', first = at + 4, last = at + 3 + count}
  at = at + 4 + count
end
for k = 1, tonumber(ARGV[5]) do
  local count = tonumber(ARGV[at + 1])
  ends[k] = {lane = ARGV[at], loops = {}, bounds = {}}
  for n = 1, count do
    ends[k].loops[n], ends[k].bounds[n] = ARGV[at + 2 * n], tonumber(ARGV[at + 2 * n + 1]) or INF
  end
  at = at + 2 + 2 * count
end
for k = 1, tonumber(ARGV[6]) do placings[k], at = read_placings(at) end

local stale, freed, pending, touched, opened, gone_of = {}, {}, {}, {}, {}, {}
local position = 0

local function frees(lane, loops)
  free_calls(lane, loops)
  for _, ids in ipairs({lane.gates, lane.left}) do
    for _, id in ipairs(ids) do opened[id] = true end
  end
end

for _, group in ipairs(releases) do
  local gone, mine, claim = freed[group.lane] or {}, {}, group.claim
  local plain, first = holder(claim, '-'), holder(claim, '-') .. PAD -- nearly all values are one of these
  freed[group.lane] = gone
  local values = call('HMGET', held_key(group.lane), unpack(ARGV, group.first, group.last))
  for k, value in ipairs(values) do
    local loop = ARGV[group.first + k - 1]
    position = position + 1
    local known, planned
    if value == plain or value == first then
      known = claim
    elseif value then
      known, planned = parse_holder(value)
    end
    if known ~= claim or gone[loop] then
      stale[#stale + 1] = position
    else
      gone[loop] = true
      mine[#mine + 1] = loop
      if tonumber(planned) then pending[#pending + 1] = {group.lane, loop, tonumber(planned)} end
    end
  end
  if #mine > 0 then
    call('HDEL', held_key(group.lane), unpack(mine))
    gone_of[claim] = (gone_of[claim] or 0) + #mine
    if not group.sent then
      local marks = (record(claim)[group.lane] or {}).marks or '-'
      if marks ~= '-' then
        for _ = 1, #mine do refund(marks) end
      end
      frees(lane_of(group.lane), mine)
    end
  end
end
for claim, count in pairs(gone_of) do let_go(claim, count) end
save_gates()

for _, group in ipairs(ends) do
  local lane = lane_of(group.lane)
  if #lane.gates + #lane.left > 0 then
    local over = {}
    for k, hard_end in ipairs(call('ZMSCORE', CALLS, unpack(group.loops))) do
      if not hard_end or tonumber(hard_end) <= group.bounds[k] then over[#over + 1] = group.loops[k] end
    end
    if #over > 0 then frees(lane, over) end
  end
end

local placed, planned_anew = 0, {}
for _, group in ipairs(placings) do
  local lane, gone, count = lane_of(group.lane), freed[group.lane] or {}, 0
  count, budget = affordable(lane, group, budget, gone, false)
  if count > 0 then
    place(lane, group, count, gone)
    touched[lane.id] = lane
    if #pending > 0 then
      for k = 1, count do planned_anew[lane.id .. ':' .. group.loops[k]] = true end
    end
  end
  placed = placed + count
  if count < group.count then break end
end
for _, plan in ipairs(pending) do
  if not planned_anew[plan[1] .. ':' .. plan[2]] then
    local lane = lane_of(plan[1])
    count_waiting(lane, put(lane, {plan[2]}, {plan[3]}, 1))
    touched[lane.id] = lane
  end
end
for _, lane in pairs(touched) do file(lane) end

local gate_ids = {}
for id in pairs(opened) do gate_ids[#gate_ids + 1] = id end
local back, first = admit_all(gate_ids), earliest()
if back > 0 or next(touched) and first <= now or any_first(touched, first) then ring() end
return {placed, unpack(stale)}
