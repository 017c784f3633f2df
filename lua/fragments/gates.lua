-- gates: limits that lanes share. A throttle is GCRA: `tat` is the theoretical arrival of the next token in
-- microseconds, `spent` counts tokens ever given, `last` is when the last was. Concurrency is the zset of
-- live calls with their hard ends, so a lost release heals by itself. A budget is how many more may be let through
-- before `renews` (ms): from then on it says nothing until the gate is shaped anew from the ledger, which counts.
local gates = {}

local function gate(id)
  local g = gates[id]
  if g then return g end
  local r = call('HMGET', rule_key(id), 'burst', 'max', 'interval', 'tat', 'spent', 'last', 'paused',
    'left', 'renews', 'since', 'owed')
  g = {
    id = id,
    known = r[1] and true or false, -- a gate without a rule lets nothing through
    burst = tonumber(r[1] or '1'),
    most = r[2] and tonumber(r[2]),
    interval = r[3] and tonumber(r[3]),
    tat = tonumber(r[4] or '0'),
    spent = tonumber(r[5] or '0'),
    last = tonumber(r[6] or '0'),
    paused = r[7] == '1',
    left = r[8] and tonumber(r[8]),
    renews = r[9] and tonumber(r[9]) or INF,
    since = tonumber(r[10] or '0'),
    owed = tonumber(r[11] or '0'), -- to bulk: its share of what was given here while it waited
    used = 0,
  }
  if g.most then g.used = call('ZCOUNT', calls_key(id), '(' .. int(now), '(+inf') end
  gates[id] = g
  return g
end

-- How many the gate lets through at `now`; when that is none, the instant it may change by itself, INF if never.
local function room(g)
  if g.paused or not g.known then return 0, INF end
  local n, at = INF, 0
  if g.most then
    n = g.most - g.used
    if n < 1 then
      local first = call('ZRANGE', calls_key(g.id), '(' .. int(now), '(+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
      if g.most < 1 or not first[2] then return 0, INF end
      at = tonumber(first[2])
    end
  end
  if g.interval then
    local now_us = now * 1000
    local tokens = floor((now_us + g.burst * g.interval - max(g.tat, now_us)) / g.interval)
    if tokens < 1 then at = max(at, math.ceil((g.tat - (g.burst - 1) * g.interval) / 1000)) end
    n = min(n, tokens)
  end
  if g.left and now < g.renews then
    if g.left < 1 then at = max(at, g.renews) end
    n = min(n, g.left)
  end
  return n, at
end

-- What several gates let through together; when that is none, the gate that is closed longest, and until when.
local function passage(ids)
  local least, blocker, blocked_until = INF, nil, -1
  for _, id in ipairs(ids) do
    local n, at = room(gate(id))
    if n < 1 and at > blocked_until then blocker, blocked_until = id, at end
    if n < least then least = n end
  end
  return least, blocker, blocked_until
end

-- Spends a token, one of the budget and a call slot until `hard_end` for each of the `n` loops at each gate; answers the
-- marks that a refund needs.
local function charge(ids, n, loops, hard_end)
  local marks, scored = {}, nil
  for _, id in ipairs(ids) do
    local g = gate(id)
    local now_us = now * 1000
    if g.interval then g.tat = max(g.tat, now_us) + n * g.interval end
    if g.left and now < g.renews then g.left = g.left - n end
    if g.interval or g.left then
      g.spent, g.last, g.dirty = g.spent + n, now_us, true
      marks[#marks + 1] = id .. '=' .. int(g.spent)
    end
    if g.most then
      if not scored then
        scored = {}
        for k = 1, n do scored[2 * k - 1], scored[2 * k] = hard_end, loops[k] end
      end
      call('ZREMRANGEBYSCORE', calls_key(id), '-inf', int(now))
      g.used = g.used + call('ZADD', calls_key(id), unpack(scored)) -- a loop may hold its slot still
    end
  end
  if scored then call('ZADD', CALLS, unpack(scored)) end
  return #marks > 0 and table.concat(marks, ',') or '-'
end

-- Gives one token back to each gate in `marks`, as far as the gate would have it now had it never been given: of the
-- tokens given since, each hides one interval, so no window ever sees more than rate x t + burst. And one of its budget,
-- unless that was set anew meanwhile.
local function refund(marks)
  for id, mark in string.gmatch(marks, '([^=,]+)=(%d+)') do
    local g = gate(id)
    if g.interval then
      local least_us = g.last + (g.spent - tonumber(mark)) * g.interval
      g.tat, g.dirty = max(g.tat - g.interval, min(g.tat, least_us)), true
    end
    if g.left and tonumber(mark) > g.since then g.left, g.dirty = g.left + 1, true end
  end
end

local function save_gates()
  for id, g in pairs(gates) do
    if g.dirty then
      call('HSET', rule_key(id), 'tat', int(g.tat), 'spent', int(g.spent), 'last', int(g.last))
      if g.left then call('HSET', rule_key(id), 'left', int(g.left)) end
      g.dirty = false
    end
    if g.owed_now and g.owed_now ~= g.owed then
      call('HSET', rule_key(id), 'owed', string.format('%.17g', g.owed_now))
      g.owed = g.owed_now
    end
  end
end

-- Frees the call slots of these loops at a lane's gates, those it has left included.
local function free_calls(lane, loops)
  local ids, names = {}, {}
  for _, some in ipairs({lane.gates, lane.left}) do
    for _, id in ipairs(some) do ids[#ids + 1], names[#names + 1] = id, calls_key(id) end
  end
  if #ids == 0 or call('EXISTS', unpack(names)) == 0 then return end
  for k, id in ipairs(ids) do
    local freed, g = call('ZREM', names[k], unpack(loops)), gates[id]
    if g then g.used = max(0, g.used - freed) end
  end
  call('ZREM', CALLS, unpack(loops))
end
