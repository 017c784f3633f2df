-- lanes: which lane may give out work, and from when. Every shaped lane is in lanes:<class>, at INF while it has nothing
-- to give or waits at a gate that is shut. Such a lane is in the gate's parked set, in the order of turns, and `shut` has
-- the instant at which the gate opens by itself. No score is later than the truth, so nothing sticks; a claim corrects one
-- that is early.
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
    'class', 'paused', 'until', 'from', 'gates', 'left', 'weight', 'dense', 'parked', 'waiting')
  lane = {
    id = id,
    class = r[1] or nil,
    paused = r[2] == '1',
    open_until = r[3] and tonumber(r[3]),
    open_from = r[4] and tonumber(r[4]),
    gates = words(r[5]),
    left = words(r[6]),
    weight = tonumber(r[7] or '1'),
    dense = r[8] == '1',
    split = {}, -- of the slots looked at: whether they are
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
  call('ZREM', parked_key(lane.parked, lane.class), lane.id)
  call('HDEL', rule_key(lane.id), 'parked')
  lane.parked = nil
end

local function set_at(lane, at)
  if lane.at == at then return end
  lane.moved = call('ZADD', lanes_key(lane.class), 'CH', int(at), lane.id) == 1 or lane.moved
  lane.at = at
end

-- Files the lane under the instant at which it next has work; one that waits at a gate goes on waiting there.
local function file(lane)
  if not lane.class then return INF end
  local head, at = head_due(lane.id, true), INF
  if head then
    at = opening(lane, max(head, now))
    if at == now then at = head end
  elseif lane.dense then
    call('HDEL', rule_key(lane.id), 'dense')
    lane.dense = false
  end
  if lane.parked then
    if at <= now then return INF end
    unpark(lane)
  end
  set_at(lane, at)
  return at
end

-- A gate behind which lanes wait is shut until `at`: the claim after that asks it again.
local function shut_until(gate_id, at)
  local g = gate(gate_id)
  if g.shut_at == at then return end
  if at < INF then call('ZADD', SHUT, int(at), gate_id) else call('ZREM', SHUT, gate_id) end
  g.shut_at = at
end

-- The lane waits at the gate, which is shut until `at`, for its turn among those there.
local function park(lane, gate_id, at, turn)
  if lane.parked ~= gate_id then
    unpark(lane)
    call('HSET', rule_key(lane.id), 'parked', gate_id)
    lane.parked = gate_id
  end
  call('ZADD', parked_key(gate_id, lane.class), string.format('%.17g', turn), lane.id)
  set_at(lane, INF)
  shut_until(gate_id, at)
end

-- Whether lanes wait at any of these gates.
local function any_parked(gate_ids)
  local names = {}
  for _, id in ipairs(gate_ids) do
    for _, line in ipairs(LINES) do names[#names + 1] = parked_key(id, line) end
  end
  return #names > 0 and call('EXISTS', unpack(names)) > 0
end

-- Brings lanes back that wait at a gate, if it has room: of each line those whose turn is next, `most` at most, for each
-- may use up all the room, and the claim chooses between lines. Whoever looks at one of them asks here again, so that none
-- waits in vain. Answers how many came back.
local function admit(gate_id, most)
  if not any_parked({gate_id}) then return 0 end
  local free, at = room(gate(gate_id))
  if free < 1 then
    shut_until(gate_id, at)
    return 0
  end
  local back = 0
  for _, line in ipairs(LINES) do
    local first = call('ZPOPMIN', parked_key(gate_id, line), min(free, most))
    for k = 1, #first, 2 do
      local lane = lane_of(first[k])
      call('HDEL', rule_key(lane.id), 'parked')
      lane.parked = nil
      if lane.class then set_at(lane, now) end
      back = back + 1
    end
  end
  return back
end

local AT_ONCE = 8 -- lanes of a line that come back together

local function admit_all(ids)
  if not any_parked(ids) then return 0 end
  local back = 0
  for _, id in ipairs(ids) do back = back + admit(id, AT_ONCE) end
  return back
end

-- Keeps the count of waiting loops: what a page shows must not cost a walk over the slots.
local function count_waiting(lane, change)
  if change == 0 then return end
  lane.waiting = lane.waiting + change
  call('HINCRBY', rule_key(lane.id), 'waiting', change)
  if not lane.class then call('PERSIST', rule_key(lane.id)) end
end
