-- slots: a lane as a two-level timing wheel. lane:<id> holds the numbers of its non-empty slots,
-- slot:<lane>:<n> holds loop -> ms within slot n. Small scores keep small slots listpacks.

-- The lane's earliest due instant, or nil. A slot number whose slot is gone is passed over (the wipe before a rebuild
-- takes keys one by one while others write); the next take clears it away.
local function head_due(lane)
  local at = 0
  while true do
    local n = tonumber(call('ZRANGE', lane_key(lane), at, at)[1])
    if not n then return nil end
    local head = call('ZRANGE', slot_key(lane, n), 0, 0, 'WITHSCORES')[2]
    if head then return n * slot_ms + tonumber(head) end
    at = at + 1
  end
end

local function forget_empty_slots(lane, touched)
  for n in pairs(touched) do
    if call('EXISTS', slot_key(lane, n)) == 0 then call('ZREM', lane_key(lane), int(n)) end
  end
end

-- How many slots the lane has: what a search through it costs for each loop.
local function slot_count(lane) return call('ZCARD', lane_key(lane)) end

-- How many of the lane's `waiting` loops are due before `at`, and how many slots that was read from: the earlier ones, or
-- the later ones where these are few and the earlier many, as after a long pause.
local function count_before(lane, at, waiting)
  local current, key, few = floor(at / slot_ms), lane_key(lane), 500
  local bound, here, edge = '(' .. int(current), slot_key(lane, current), int(at - current * slot_ms)
  local slots = call('ZRANGE', key, '-inf', bound, 'BYSCORE', 'LIMIT', 0, few)
  local later = false
  if #slots == few then
    slots = call('ZRANGE', key, bound, '+inf', 'BYSCORE', 'LIMIT', 0, few)
    later = #slots < few
    if not later then slots = call('ZRANGE', key, '-inf', bound, 'BYSCORE') end
  end
  local count = 0
  for _, text in ipairs(slots) do count = count + call('ZCARD', slot_key(lane, tonumber(text))) end
  if later then return waiting - count - call('ZCOUNT', here, edge, '+inf'), #slots + 1 end
  return count + call('ZCOUNT', here, '-inf', '(' .. edge), #slots + 1
end

-- Takes these loops out of whatever slots they wait in; answers how many waited.
local function pull_wherever(lane, loops)
  local removed, touched = 0, {}
  for _, text in ipairs(call('ZRANGE', lane_key(lane), 0, -1)) do
    local n = tonumber(text)
    local found = call('ZREM', slot_key(lane, n), unpack(loops))
    if found > 0 then touched[n] = true end
    removed = removed + found
    if removed == #loops then break end
  end
  forget_empty_slots(lane, touched)
  return removed
end

-- Takes loops out of the slots of the instants given.
local function pull_from(lane, loops, instants)
  local by_slot, removed, touched = {}, 0, {}
  for i, loop in ipairs(loops) do
    local n = floor(instants[i] / slot_ms)
    local slot = by_slot[n]
    if slot then slot[#slot + 1] = loop else by_slot[n] = {loop} end
  end
  for n, slot in pairs(by_slot) do
    local found = call('ZREM', slot_key(lane, n), unpack(slot))
    if found > 0 then touched[n] = true end
    removed = removed + found
  end
  forget_empty_slots(lane, touched)
  return removed
end

-- Puts loops into the slots of their instants; answers how many are new there.
local function put(lane, loops, dues)
  local by_slot, slots, added = {}, {}, 0
  for i = 1, #loops do
    local due = dues[i]
    local n = floor(due / slot_ms)
    local slot = by_slot[n]
    if not slot then
      slot = {}
      by_slot[n] = slot
      local text = int(n)
      slots[#slots + 1] = text
      slots[#slots + 1] = text
    end
    local size = #slot
    slot[size + 1] = due - n * slot_ms
    slot[size + 2] = loops[i]
  end
  for n, slot in pairs(by_slot) do
    added = added + call('ZADD', slot_key(lane, n), unpack(slot))
  end
  if #slots > 0 then call('ZADD', lane_key(lane), unpack(slots)) end
  return added
end

-- Takes at most `limit` loops due at or before `bound`, earliest first: loops, and their due instants.
local function take(lane, bound, limit)
  local loops, dues, count = {}, {}, 0
  while count < limit do
    local first = call('ZRANGE', lane_key(lane), 0, 0)[1]
    if not first then break end
    local n = tonumber(first)
    local start, want, key = n * slot_ms, limit - count, slot_key(lane, n)
    local got
    if start + slot_ms - 1 <= bound then
      got = call('ZPOPMIN', key, want)
    elseif start > bound then
      break
    else
      got = call('ZRANGE', key, '-inf', int(bound - start), 'BYSCORE', 'LIMIT', 0, want, 'WITHSCORES')
      if #got > 0 then call('ZREMRANGEBYRANK', key, 0, #got / 2 - 1) end
    end
    for i = 1, #got, 2 do
      count = count + 1
      loops[count], dues[count] = got[i], start + got[i + 1]
    end
    if call('EXISTS', key) == 0 then
      call('ZREM', lane_key(lane), first)
    elseif #got < 2 * want then
      break
    end
  end
  return loops, dues, count
end
