-- slots: a lane as a two-level timing wheel. lane:<id> holds the names of its non-empty slots in order of time,
-- slot:<lane>:<name> holds loop -> ms since the slot began. A slot is named by its number, "7"; one that outgrows
-- SPLIT_AT loops is split, once, into PARTS of equal length, "7.0" to "7.15". So slots stay listpacks, in which a loop
-- costs 9 bytes instead of 79, and short enough for the search that each insertion is (0.9 us at 128, 3.5 us at 480).
local SPLIT_AT, PARTS = 256, 16

local function part_ms() return math.ceil(slot_ms / PARTS) end

-- When the slot of this name begins, and how long it is.
local function span(name)
  local n, part = string.match(name, '^(-?%d+)%.?(%d*)$')
  if part == '' then return n * slot_ms, slot_ms end
  return n * slot_ms + part * part_ms(), part_ms()
end

-- Whether slot n of the lane is split. Only a lane marked dense has any that is.
local function is_split(lane, n)
  if not lane.dense then return false end
  local known = lane.split[n]
  if known == nil then
    local first = call('ZRANGE', lane_key(lane.id), int(n), '(' .. int(n + 1), 'BYSCORE', 'LIMIT', 0, 1)[1]
    known = first ~= nil and string.find(first, '.', 1, true) ~= nil
    lane.split[n] = known
  end
  return known
end

-- The slot of the lane that an instant falls into, and the ms into it.
local function slot_of(lane, due)
  local n = floor(due / slot_ms)
  local into = due - n * slot_ms
  if not is_split(lane, n) then return n .. '', into end
  local part = floor(into / part_ms())
  return n .. '.' .. part, into - part * part_ms()
end

-- The lane's earliest due instant, or nil. `tidy`: forgets slots that are empty by now.
local function head_due(lane, tidy)
  local at = 0
  while true do
    local name = call('ZRANGE', lane_key(lane), at, at)[1]
    if not name then return nil end
    local head = call('ZRANGE', slot_key(lane, name), 0, 0, 'WITHSCORES')[2]
    if head then return span(name) + head end
    if tidy then call('ZREM', lane_key(lane), name) else at = at + 1 end
  end
end

-- How many of the lane's `waiting` loops are due before `at`, and how many slots that was read from: the earlier ones, or
-- the later ones where these are few and the earlier many, as after a long pause.
local function count_before(lane, at, waiting)
  local n, key, few, count = floor(at / slot_ms), lane_key(lane), 500, 0
  local here, beyond = int(n), '(' .. int(n + 1) -- the slot that `at` falls into is read either way
  local slots, later = call('ZRANGE', key, '-inf', beyond, 'BYSCORE', 'LIMIT', 0, few), false
  if #slots == few then
    slots = call('ZRANGE', key, here, '+inf', 'BYSCORE', 'LIMIT', 0, few)
    later = #slots < few
    if not later then slots = call('ZRANGE', key, '-inf', beyond, 'BYSCORE') end
  end
  for _, name in ipairs(slots) do
    local start, width = span(name)
    if later and start >= at or not later and start + width <= at then
      count = count + call('ZCARD', slot_key(lane, name))
    elseif later then
      count = count + call('ZCOUNT', slot_key(lane, name), int(at - start), '+inf')
    else
      count = count + call('ZCOUNT', slot_key(lane, name), '-inf', '(' .. int(at - start))
    end
  end
  return later and waiting - count or count, #slots
end

local function forget_if_empty(lane, name)
  if call('EXISTS', slot_key(lane, name)) == 0 then call('ZREM', lane_key(lane), name) end
end

-- How many slots the lane has: what a search through it costs for each loop.
local function slot_count(lane) return call('ZCARD', lane_key(lane)) end

-- Takes these loops out of whatever slots they wait in; answers how many waited.
local function pull_wherever(lane, loops)
  local removed = 0
  for _, name in ipairs(call('ZRANGE', lane_key(lane), 0, -1)) do
    local found = call('ZREM', slot_key(lane, name), unpack(loops))
    if found > 0 then forget_if_empty(lane, name) end
    removed = removed + found
    if removed == #loops then break end
  end
  return removed
end

-- Takes each loop out of the slot named beside it.
local function pull_from(lane, loops, names)
  local by_name, removed = {}, 0
  for i, name in ipairs(names) do
    local slot = by_name[name]
    if slot then slot[#slot + 1] = loops[i] else by_name[name] = {loops[i]} end
  end
  for name, slot in pairs(by_name) do
    local found = call('ZREM', slot_key(lane, name), unpack(slot))
    if found > 0 then forget_if_empty(lane, name) end
    removed = removed + found
  end
  return removed
end

-- Splits slot n of the lane, whose key is given; names its parts in `index`, as put does.
local function split(lane, n, key, index)
  local by_part, width = {}, part_ms()
  local all = call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local into = all[i + 1] % width
    local part = (all[i + 1] - into) / width
    local slot = by_part[part] or {}
    by_part[part] = slot
    slot[#slot + 1], slot[#slot + 2] = into, all[i]
  end
  call('UNLINK', key)
  call('ZREM', lane_key(lane.id), n)
  for part, slot in pairs(by_part) do
    call('ZADD', slot_key(lane.id, n .. '.' .. part), unpack(slot))
    index[#index + 1], index[#index + 2] = n + part / PARTS, n .. '.' .. part
  end
  if not lane.dense then call('HSET', rule_key(lane.id), 'dense', 1) end
  lane.dense, lane.split[n] = true, true
end

-- Puts `count` loops into the slots of their instants; answers how many are new there.
local function put(lane, loops, dues, count)
  local scored, sizes, index, added, width = {}, {}, {}, 0, part_ms()
  for i = 1, count do
    local due = dues[i]
    local into = due % slot_ms
    if lane.dense and is_split(lane, (due - into) / slot_ms) then into = into % width end
    local begin = due - into
    local slot, size = scored[begin], sizes[begin]
    if not slot then
      slot, size = {}, 0
      scored[begin] = slot
    end
    slot[size + 1], slot[size + 2] = into, loops[i]
    sizes[begin] = size + 2
  end
  for begin, slot in pairs(scored) do
    local n = floor(begin / slot_ms)
    local rank, name = n, n
    local parted = lane.dense and is_split(lane, n)
    if parted then
      local part = (begin % slot_ms) / width
      rank, name = n + part / PARTS, n .. '.' .. part
    end
    local key = slot_key(lane.id, name)
    added = added + call('ZADD', key, unpack(slot))
    if not parted and lane.waiting + count > SPLIT_AT and call('ZCARD', key) > SPLIT_AT then
      split(lane, n, key, index)
    else
      index[#index + 1], index[#index + 2] = rank, name
    end
  end
  if #index > 0 then call('ZADD', lane_key(lane.id), unpack(index)) end
  return added
end

-- Takes at most `limit` loops due at or before `bound`, earliest first: the loops, how many, and by slot when it
-- begins, how many it gave, and "loop ms loop ms ...".
local function take(lane, bound, limit)
  local loops, slots, empty, count, names, at = {}, {}, {}, 0, {}, 0
  while count < limit do
    at = at + 1
    if at > #names then
      names, at = call('ZRANGE', lane_key(lane), #empty, #empty + 7), 1
      if #names == 0 then break end
    end
    local name = names[at]
    local start, width = span(name)
    if start > bound then break end
    local want, key, got = limit - count, slot_key(lane, name), nil
    local whole = start + width - 1 <= bound
    if whole then
      got = call('ZPOPMIN', key, want)
    else
      got = call('ZRANGE', key, '-inf', int(bound - start), 'BYSCORE', 'LIMIT', 0, want, 'WITHSCORES')
      if #got > 0 then call('ZREMRANGEBYRANK', key, 0, #got / 2 - 1) end
    end
    if #got > 0 then
      slots[#slots + 1] = {start, #got / 2, table.concat(got, ' ')}
      for i = 1, #got, 2 do
        count = count + 1
        loops[count] = got[i]
      end
    end
    if #got == 2 * want then break end -- the rest of the slot, if any, is for the next
    if not whole and call('EXISTS', key) == 1 then break end -- the rest is due later
    empty[#empty + 1] = name
  end
  if #empty > 0 then call('ZREM', lane_key(lane), unpack(empty)) end
  return loops, count, slots
end
