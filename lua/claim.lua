#!lua
-- claim: lease the work now due on one shard: live lanes first, bulk keeps its floor, the others by virtual time.
-- Flow     waiting -> leased
-- Uses     keys server slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] epoch as stored    ARGV[4] worker    ARGV[5] claim_id
-- ARGV[6]  limit (loops)    ARGV[7] latest due_ms to take (of lanes behind a pace: now_ms)
-- ARGV[8]  lease end, wall ms    ARGV[9] call hard end, ms    ARGV[10] bulk's floor, 0 to 1
-- Returns  "claim_id worker wake_at_ms", wake '-' when nothing is in sight, then for each slot that gave something
--          " lane marks begin_ms count", and count times " loop ms", ms since begin_ms.
--          The same claim_id gets the same answer while one of its loops is leased
-- Errors   EPOCH when the wheel is being rebuilt, or its server has changed since it was opened
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local worker, claim_id, limit, horizon = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local lease_end, hard_end, share = ARGV[8], ARGV[9], tonumber(ARGV[10])

if call('GET', EPOCH) ~= ARGV[3] .. ' ' .. run_id() then return redis.error_reply('EPOCH the wheel is not ready') end
local known = call('GET', claim_key(claim_id))
if known then return known end

local LOOKS = 64 -- lanes looked at in all, and as many at most that gates bring back: what bounds a claim
local looks, brought = LOOKS, LOOKS
local taken, answer, done = 0, {claim_id, worker, ''}, {}
local holding = holder(claim_id, '-')

-- Live lanes take turns among themselves, all others among each other.
local stored = call('HMGET', FLOOR, 'owed', 'live', 'rest')
local owed, vtime = tonumber(stored[1] or '0'), {live = tonumber(stored[2] or '0'), rest = tonumber(stored[3] or '0')}
local function kind_of(class) return class == 'live' and 'live' or 'rest' end
local turns, new_turns = {}, {}

-- What bulk is owed, on the shard and at each gate at which it waits: its share of all that is given there while it does,
-- less what it gets. It saves nothing up; kept from taking it, it is owed no more than a share of the largest claim and one
-- loop. So it gets its share of any span in which it waits, but for one claim's.
local whole = {owed = owed, owed_now = owed}
local bulk_waits = {}
local function settle_floor(g, count, class)
  local due = (g.owed_now or g.owed) + share * count - (class == 'bulk' and count or 0)
  g.owed_now = min(max(0, due), 1 + share * 500)
end

-- A token is spent at the claim, and the call leaves when it is due: claimed ahead, what is behind a pace could leave
-- in one second on the tokens of more than one. It waits for its instant.
local function paced(ids)
  for _, id in ipairs(ids) do
    if gate(id).interval then return true end
  end
  return false
end

local function give(lane, bound, most)
  local loops, count, slots = take(lane.id, bound, most)
  if count == 0 then return 0 end
  local marks, held = charge(lane.gates, count, loops, hard_end), {}
  for k = 1, count do held[2 * k - 1], held[2 * k] = loops[k], holding end
  held[2] = holding .. PAD
  call('HSET', held_key(lane.id), unpack(held))
  for _, slot in ipairs(slots) do
    answer[#answer + 1] = lane.id .. ' ' .. marks .. ' ' .. int(slot[1]) .. ' ' .. slot[2] .. ' ' .. slot[3]
  end
  -- start-time fair queuing: an idle lane resumes at the shard's virtual time, it saves nothing up
  local kind = kind_of(lane.class)
  local start = max(turns[lane.id], vtime[kind])
  turns[lane.id], vtime[kind] = start + count / lane.weight, start
  new_turns[lane.id] = turns[lane.id]
  count_waiting(lane, -count)
  taken = taken + count
  if bulk_waits.anywhere then settle_floor(whole, count, lane.class) end
  for _, id in ipairs(lane.gates) do
    if bulk_waits[id] then settle_floor(gate(id), count, lane.class) end
  end
  return count
end

-- Takes up to `want` loops from the lane, or files it where it belongs.
local function serve(lane, want)
  if not lane.class or opening(lane, now) > now then
    done[lane.id] = true
    file(lane)
    return
  end
  local bound, n, blocker, blocked_until = horizon, passage(lane.gates)
  if lane.open_until and lane.open_until > now and (lane.open_from or INF) > lane.open_until then
    bound = min(bound, lane.open_until - 1)
  end
  if bound > now and paced(lane.gates) then bound = now end
  if n > 0 and give(lane, bound, min(want, n)) == want then
    file(lane)
    return
  end
  done[lane.id] = true
  if file(lane) <= bound then
    n, blocker, blocked_until = passage(lane.gates)
    if n < 1 then park(lane, blocker, blocked_until, turns[lane.id]) end
  end
end

-- A gate with room left must not keep lanes waiting: whoever was let through may not have used it up.
local function ask(ids)
  if not any_parked(ids) then return end
  for _, id in ipairs(ids) do
    if brought > 0 then
      brought = brought - admit(id, min(AT_ONCE, brought))
    else
      shut_until(id, now) -- for the next claim
    end
  end
end

-- Of each class the oldest lanes that have work now, as they were last read.
local due, MANY = {}, math.ceil(LOOKS / 3)
local function read_due()
  for _, class in ipairs(CLASSES) do
    due[class] = call('ZRANGE', lanes_key(class), '-inf', int(horizon), 'BYSCORE', 'LIMIT', 0, MANY, 'WITHSCORES')
  end
end

-- Those of some classes that were not done with yet, in turn: the lowest virtual time, then age. Lanes that were idle
-- stand at the shard's virtual time.
local function in_turn(classes)
  local found, ids = {}, {}
  for _, class in ipairs(classes) do
    local r = due[class]
    for k = 1, #r, 2 do
      if not done[r[k]] then
        found[#found + 1] = {id = r[k], at = tonumber(r[k + 1]), class = class}
        ids[#ids + 1] = r[k]
      end
    end
  end
  if #found == 0 then return found end
  for k, turn in ipairs(call('HMGET', TURNS, unpack(ids))) do
    local lane = found[k]
    lane.turn = max(turns[lane.id] or tonumber(turn or '0'), vtime[kind_of(lane.class)])
    turns[lane.id] = lane.turn
  end
  table.sort(found, function(a, b)
    if a.turn ~= b.turn then return a.turn < b.turn end
    if a.at ~= b.at then return a.at < b.at end
    return a.id < b.id
  end)
  return found
end

-- Looks at lanes of these classes until the claim is full or `fewest` looks are left.
local function serve_all(classes, fewest)
  local asked = {}
  for _, entry in ipairs(in_turn(classes)) do
    if taken >= limit or looks <= fewest then break end
    looks = looks - 1
    local lane = lane_of(entry.id)
    lane.at = lane.at or entry.at
    serve(lane, limit - taken)
    asked[#asked + 1] = lane
  end
  for _, lane in ipairs(asked) do ask(lane.gates) end
end

-- Gives bulk what it is owed where it waits.
local function pay_floor()
  local some = in_turn({'bulk'})
  for k = 1, min(#some, 16) do
    local lane = lane_of(some[k].id)
    lane.at = lane.at or some[k].at
    bulk_waits.anywhere = true
    local most = whole.owed_now
    for _, id in ipairs(lane.gates) do
      bulk_waits[id] = true
      most = max(most, gate(id).owed_now or gate(id).owed)
    end
    if most >= 1 and taken < limit then
      looks = looks - 1
      serve(lane, min(limit - taken, floor(most)))
    end
  end
end

for _, id in ipairs(call('ZRANGE', SHUT, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, LOOKS)) do
  call('ZREM', SHUT, id)
  ask({id})
end
read_due()
if #due.bulk == 0 then
  whole.owed_now = 0 -- a quiet hour of bulk leaves no debt that live leads would pay
elseif #due.live + #due.callback + #due['follow-up'] > 0 then
  pay_floor()
end
while true do
  local looks_before, brought_before = looks, brought
  serve_all({'live'}, 24)
  serve_all({'callback', 'follow-up', 'bulk'}, 0)
  -- on to lanes that were not read yet, or that gates have brought back meanwhile
  local more = brought < brought_before
  for _, class in ipairs(CLASSES) do more = more or #due[class] == 2 * MANY end
  if taken >= limit or looks == 0 or looks == looks_before or not more then break end
  read_due()
end

if taken > 0 then
  call('ZADD', LEASES, lease_end, claim_id)
  call('HSET', LEFT, claim_id, taken)
  call('HSET', FLOOR, 'asked', lease_end, 'owed', string.format('%.17g', whole.owed_now), 'live', string.format('%.17g', vtime.live),
    'rest', string.format('%.17g', vtime.rest))
  local words = {}
  for id, turn in pairs(new_turns) do words[#words + 1], words[#words + 2] = id, string.format('%.17g', turn) end
  call('HSET', TURNS, unpack(words))
end
save_gates()

local wake = earliest()
if wake <= now and taken > 0 then ring() end -- more is ready: let another dialer share it
answer[3] = wake < INF and int(wake) or '-'
local text = table.concat(answer, ' ')
if taken > 0 then call('SET', claim_key(claim_id), text) else call('HSET', FLOOR, 'asked', lease_end) end
return text
