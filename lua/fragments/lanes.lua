-- lanes: which lane may give out work, and from when. Every shaped lane is in lanes:<class>, at INF while it
-- has nothing to give; a lane behind a shut gate is also in that gate's parked set, at the instant the gate
-- opens by itself. The score is never later than the truth, so nothing sticks; a claim corrects one that is early.
local lanes = {}

-- The words of a text; many lanes pass the same gates.
local word_lists = {}
local function words(text)
  local out = word_lists[text or '']
  if out then return out end
  out = {}
  for word in string.gmatch(text or '', '%S+') do out[#out + 1] = word end
  word_lists[text or ''] = out
  return out
end

local function lane_of(id)
  local lane = lanes[id]
  if lane then return lane end
  local r = call('HMGET', rule_key(id),
    'class', 'paused', 'until', 'from', 'gates', 'left', 'weight', 'vt', 'parked', 'waiting')
  lane = {
    id = id,
    class = r[1] or nil,
    paused = r[2] == '1',
    open_until = r[3] and tonumber(r[3]),
    open_from = r[4] and tonumber(r[4]),
    gates = words(r[5]),
    left = words(r[6]),
    weight = tonumber(r[7] or '1'),
    vt = tonumber(r[8] or '0'),
    parked = r[9] or nil,
    waiting = tonumber(r[10] or '0'),
  }
  lanes[id] = lane
  return lane
end

-- The first instant at or after `at` at which the lane is open, INF if it does not open by itself.
local function opening(lane, at)
  if lane.paused then return INF end
  if lane.open_until and lane.open_until <= at and at < (lane.open_from or INF) then
    return lane.open_from or INF
  end
  return at
end

local function unpark(lane)
  if not lane.parked then return end
  call('SREM', parked_key(lane.parked, lane.class), lane.id)
  call('HDEL', rule_key(lane.id), 'parked')
  lane.parked = nil
end

local function set_at(lane, at)
  lane.at = at
  call('ZADD', lanes_key(lane.class), int(at), lane.id)
end

-- Files the lane under the instant at which it next has work; one that waits at a gate goes on waiting there.
local function file(lane)
  if not lane.class then return INF end
  local head = head_due(lane.id)
  local at = INF
  if head then
    at = opening(lane, max(head, now))
    if at == now then at = head end
  end
  if lane.parked then
    if at <= now then return INF end
    unpark(lane)
  end
  set_at(lane, at)
  return at
end

local function park(lane, gate_id, at)
  if lane.parked ~= gate_id then
    unpark(lane)
    call('SADD', parked_key(gate_id, lane.class), lane.id)
    call('HSET', rule_key(lane.id), 'parked', gate_id)
    lane.parked = gate_id
  end
  set_at(lane, at)
end

-- A gate that is shut still may open sooner than when lanes were filed behind it: calls have ended, and only the next
-- token is missing. One lane is shown at that instant; the claim that looks at it asks the gate for the others.
local function show_one(parked, at)
  local lane = lane_of(call('SRANDMEMBER', parked))
  if lane.class and tonumber(call('ZSCORE', lanes_key(lane.class), lane.id)) > at then set_at(lane, at) end
end

-- Brings lanes back that wait at a gate, if it has room: live ones first, and a few more than there is room for,
-- so that the next claim still chooses by virtual time. `all` brings them whatever the room. Looks at `most` lanes; if
-- none of them has work, one more is shown to the next claim, which asks here again, so that nothing sticks.
-- Answers how many came back.
local function admit(gate_id, all, most)
  local wanted, back, seen = all and INF or nil, 0, 0
  for _, class in ipairs({'live', 'bulk'}) do
    local key = parked_key(gate_id, class)
    local n = call('SCARD', key)
    while n > 0 and seen < most do
      if not wanted then
        local free, at = room(gate(gate_id))
        if free < 1 then
          if at < INF then show_one(key, at) end
          return back
        end
        wanted = free + 8
      end
      local want = min(n, most - seen, wanted - back)
      if want < 1 then return back end
      for _, id in ipairs(call('SPOP', key, want)) do
        call('HDEL', rule_key(id), 'parked')
        local lane = lane_of(id)
        lane.parked = nil
        if file(lane) < INF then back = back + 1 end
      end
      seen, n = seen + want, n - want
    end
    if n > 0 and back == 0 and not all then
      local lane = lane_of(call('SPOP', key))
      call('HDEL', rule_key(lane.id), 'parked')
      lane.parked = nil
      set_at(lane, now)
      return 1
    end
  end
  return back
end

local function admit_all(ids)
  local back = 0
  for _, id in ipairs(ids) do back = back + admit(id, false, 64) end
  return back
end

-- Keeps the count of waiting loops: what a page shows must not cost a walk over the slots.
local function count_waiting(lane, change)
  if change == 0 then return end
  lane.waiting = lane.waiting + change
  call('HINCRBY', rule_key(lane.id), 'waiting', change)
  if not lane.class then call('PERSIST', rule_key(lane.id)) end
end
