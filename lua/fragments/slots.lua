-- slots: a lane as a two-level timing wheel. lane:<id> holds the numbers of its non-empty slots,
-- slot:<lane>:<n> holds loop -> ms within slot n. Small scores keep small slots listpacks.

-- The lane's earliest due instant, or nil.
local function head_due(lane)
  local first = call('ZRANGE', lane_key(lane), 0, 0)[1]
  if not first then return nil end
  local n = tonumber(first)
  local head = call('ZRANGE', slot_key(lane, n), 0, 0, 'WITHSCORES')
  return n * slot_ms + tonumber(head[2])
end

local function forget_empty_slots(lane, touched)
  for n in pairs(touched) do
    if call('EXISTS', slot_key(lane, n)) == 0 then call('ZREM', lane_key(lane), int(n)) end
  end
end

-- How many slots the lane has: what a search through it costs for each loop.
local function slot_count(lane) return call('ZCARD', lane_key(lane)) end

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

-- Takes loops out of the slots of the instants given ({loop, instant, ...}).
local function pull_from(lane, items)
  local by_slot, removed, touched = {}, 0, {}
  for i = 1, #items, 2 do
    local n = math.floor(items[i + 1] / slot_ms)
    by_slot[n] = by_slot[n] or {}
    table.insert(by_slot[n], items[i])
  end
  for n, loops in pairs(by_slot) do
    local found = call('ZREM', slot_key(lane, n), unpack(loops))
    if found > 0 then touched[n] = true end
    removed = removed + found
  end
  forget_empty_slots(lane, touched)
  return removed
end

-- Puts {loop, due, ...} into their slots; answers how many are new there.
local function put(lane, items)
  local by_slot, slots, added = {}, {}, 0
  for i = 1, #items, 2 do
    local due = items[i + 1]
    local n = math.floor(due / slot_ms)
    local slot = by_slot[n]
    if not slot then
      slot = {}
      by_slot[n] = slot
      slots[#slots + 1] = int(n)
      slots[#slots + 1] = int(n)
    end
    local size = #slot
    slot[size + 1] = due - n * slot_ms
    slot[size + 2] = items[i]
  end
  for n, slot in pairs(by_slot) do
    added = added + call('ZADD', slot_key(lane, n), unpack(slot))
  end
  if #slots > 0 then call('ZADD', lane_key(lane), unpack(slots)) end
  return added
end

-- Takes at most `limit` loops due at or before `bound`, earliest first: {loop, due, ...}.
local function take(lane, bound, limit)
  local out = {}
  while #out < 2 * limit do
    local first = call('ZRANGE', lane_key(lane), 0, 0)[1]
    if not first then break end
    local n = tonumber(first)
    local start, want, key = n * slot_ms, limit - #out / 2, slot_key(lane, n)
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
      out[#out + 1] = got[i]
      out[#out + 1] = start + tonumber(got[i + 1])
    end
    if call('EXISTS', key) == 0 then
      call('ZREM', lane_key(lane), first)
    elseif #got < 2 * want then
      break
    end
  end
  return out
end
