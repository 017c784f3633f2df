#!lua
-- claim: lease the work now due on one shard: live lanes first, bulk keeps its floor, the others by virtual time.
-- Flow     waiting -> leased
-- Uses     keys server slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] epoch as stored    ARGV[4] worker    ARGV[5] claim_id
-- ARGV[6]  limit (loops)    ARGV[7] latest due_ms to take (of lanes behind a pace: now_ms)
-- ARGV[8]  lease end, wall ms    ARGV[9] call hard end, ms
-- ARGV[10] bulk's floor, 0 to 1    ARGV[11] ms for which the same claim_id gets the same answer
-- Returns  "claim_id wake_at_ms lane loop due_ms lane loop due_ms ...", wake '-' when nothing is in sight
-- Errors   EPOCH when the wheel is being rebuilt, or its server has changed since it was opened
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local worker, claim_id, limit, horizon = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local lease_end, hard_end, share = ARGV[8], ARGV[9], tonumber(ARGV[10])

if call('GET', EPOCH) ~= ARGV[3] .. ' ' .. run_id() then return redis.error_reply('EPOCH the wheel is not ready') end
local known = call('GET', reply_key(worker))
if known and string.sub(known, 1, #claim_id + 1) == claim_id .. ' ' then return known end

-- What was given in the running minute while bulk was waiting, and to bulk, in buckets of 10 s: the debt to bulk
-- grows only while bulk waits, so a quiet hour of bulk never lets it overtake a live lead later.
local bucket, vtime = floor(now / 10000), {live = 0, rest = 0}
local contended, to_bulk, stored, stale = 0, 0, {0, 0, 0, 0, 0}, {}
local floors = call('HGETALL', FLOOR)
for k = 1, #floors, 2 do
  local kind = string.match(floors[k], '^vtime:(%a+)$')
  if kind then
    vtime[kind] = tonumber(floors[k + 1])
  else
    local b, counts = tonumber(floors[k]), {}
    for n in string.gmatch(floors[k + 1], '%d+') do counts[#counts + 1] = tonumber(n) end
    if b > bucket or b <= bucket - 6 then
      stale[#stale + 1] = floors[k]
    else
      contended, to_bulk = contended + counts[5], to_bulk + counts[4]
      if b == bucket then stored = counts end
    end
  end
end

local looked, taken, out = {}, 0, {}
local leased, holders = {}, {}
local given = {live = 0, callback = 0, ['follow-up'] = 0, bulk = 0}

-- Live lanes take turns among themselves, all others among each other.
local function kind_of(lane) return lane.class == 'live' and 'live' or 'rest' end

-- A token is spent at the claim, and the call leaves when it is due: claimed ahead, what is behind a pace could leave
-- in one second on the tokens of more than one. It waits for its instant.
local function paced(ids)
  for _, id in ipairs(ids) do
    if gate(id).interval then return true end
  end
  return false
end

-- Takes up to `want` loops from the lane, or files it where it belongs. Checks, then writes.
local function serve(lane, want)
  looked[#looked + 1] = lane
  local n, blocker, blocked_until = passage(lane.gates)
  local head = head_due(lane.id)
  local bound = horizon
  if lane.open_until and lane.open_until > now and (lane.open_from or INF) > lane.open_until then
    bound = min(bound, lane.open_until - 1)
  end
  if bound > now and paced(lane.gates) then bound = now end
  if not lane.class or not head or head > bound or opening(lane, now) > now then
    file(lane)
    return
  end
  if n < 1 then
    park(lane, blocker, blocked_until)
    return
  end
  unpark(lane)
  local loops, dues, count = take(lane.id, bound, min(want, n))
  local scored = {}
  for k = 1, count do
    scored[2 * k - 1] = hard_end
    scored[2 * k] = loops[k]
  end
  call('ZADD', CALLS, unpack(scored))
  local marks = charge(lane.gates, count, scored)
  local head_of, tail_of, prefix = claim_id .. ' ', ' - ' .. marks, lane.id .. ':'
  local size, words_out = #leased, #out
  for k = 1, count do
    local loop, member, due = loops[k], prefix .. loops[k], dues[k] .. '' -- 13 digits: safe to join
    leased[size + 1], leased[size + 2] = lease_end, member
    holders[size + 1], holders[size + 2] = member, head_of .. due .. tail_of
    size = size + 2
    out[words_out + 1], out[words_out + 2], out[words_out + 3] = lane.id, loop, due
    words_out = words_out + 3
  end
  -- start-time fair queuing: an idle lane resumes at the shard's virtual time, it saves nothing up
  local kind = kind_of(lane)
  local start = max(lane.vt, vtime[kind])
  lane.vt, vtime[kind] = start + count / lane.weight, start
  call('HSET', rule_key(lane.id), 'vt', string.format('%.17g', lane.vt))
  count_waiting(lane, -count)
  taken, given[lane.class] = taken + count, given[lane.class] + count
  if file(lane) <= now then
    n, blocker, blocked_until = passage(lane.gates)
    if n < 1 then park(lane, blocker, blocked_until) end
  end
end

-- The oldest lanes of a class that have work now.
local function due_lanes(class, most)
  local found = {}
  local r = call('ZRANGE', lanes_key(class), '-inf', int(horizon), 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
  for k = 1, #r, 2 do
    local lane = lane_of(r[k])
    lane.at = tonumber(r[k + 1])
    found[#found + 1] = lane
  end
  return found
end

-- The lowest virtual time first, ties by age; lanes that were idle stand at the shard's virtual time.
local function by_turn(a, b)
  local x, y = max(a.vt, vtime[kind_of(a)]), max(b.vt, vtime[kind_of(b)])
  if x ~= y then return x < y end
  if a.at ~= b.at then return a.at < b.at end
  return a.id < b.id
end

local function serve_all(some, most)
  local until_taken = min(limit, taken + most)
  table.sort(some, by_turn)
  for _, lane in ipairs(some) do
    if taken >= until_taken then return end
    serve(lane, until_taken - taken)
  end
end

local live = due_lanes('live', 40)
local third = floor((64 - #live) / 3)
local bulk = due_lanes('bulk', third)
local owed = #bulk > 0 and math.ceil(share * contended) - to_bulk or 0
if owed > 0 then serve_all(bulk, owed) end
serve_all(live, limit)
if taken < limit then
  local others = owed > 0 and due_lanes('bulk', third) or bulk
  for _, class in ipairs({'callback', 'follow-up'}) do
    for _, lane in ipairs(due_lanes(class, third)) do others[#others + 1] = lane end
  end
  serve_all(others, limit)
end

if taken > 0 then
  call('ZADD', LEASES, unpack(leased))
  call('HSET', HOLDER, unpack(holders))
  for k, class in ipairs(CLASSES) do stored[k] = stored[k] + given[class] end
  if #bulk > 0 then stored[5] = stored[5] + taken end
  call('HSET', FLOOR, int(bucket), table.concat(stored, ' '),
    'vtime:live', string.format('%.17g', vtime.live), 'vtime:rest', string.format('%.17g', vtime.rest))
  if #stale > 0 then call('HDEL', FLOOR, unpack(stale)) end
end

-- A gate with room left must not keep lanes waiting: whoever was let through may not have used it up.
local asked = {}
for _, lane in ipairs(looked) do
  for _, id in ipairs(lane.gates) do
    if not asked[id] then
      asked[id] = true
      admit(id, false, 64)
    end
  end
end
save_gates()

local wake = earliest()
if wake <= now and taken > 0 then ring() end -- more is ready: let another dialer share it
local answer = claim_id .. ' ' .. (wake < INF and int(wake) or '-')
if taken > 0 then answer = answer .. ' ' .. table.concat(out, ' ') end
call('SET', ASKED, lease_end)
call('SET', reply_key(worker), answer, 'PX', ARGV[11])
return answer
