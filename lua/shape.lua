#!lua
-- shape: set the rules of lanes and gates; what waits behind them is asked again at once.
-- Uses     keys slots gates lanes bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] gates    ARGV[4] lanes
-- ARGV[5..] gate: id, max_concurrent or '', interval_us or '', burst, paused (1 or 0), left or '', renews_at_ms or ''
--           lane: id, class, gates ("a:1 g:7"), weight, open_until_ms or '', open_from_ms or '', paused (1 or 0);
--           open_until_ms '=' leaves the hours as they are
-- Returns  1
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local i = 5

local function set_or_clear(key, field, value)
  if value == '' then call('HDEL', key, field) else call('HSET', key, field, value) end
end

local function shape_gate(id, most_calls, interval, burst, paused, left, renews)
  local key, g = rule_key(id), gate(id)
  if g.interval and interval ~= '' and tonumber(interval) ~= g.interval then
    -- what is owed is owed in tokens: keep their number, at the new pace; older marks refund nothing
    local owed = max(0, g.tat - now * 1000) / g.interval
    local tat = now * 1000 + math.ceil(owed * tonumber(interval))
    call('HSET', key, 'tat', int(tat), 'spent', int(g.spent + tonumber(burst) + 1), 'last', int(now * 1000))
  end
  call('PERSIST', key)
  call('HSET', key, 'burst', burst, 'paused', paused)
  set_or_clear(key, 'max', most_calls)
  set_or_clear(key, 'interval', interval)
  set_or_clear(key, 'left', left)
  set_or_clear(key, 'renews', renews)
  if left ~= '' then call('HSET', key, 'since', int(g.spent)) end -- claims of before are in the new number
  if (tonumber(most_calls) or 0) > 64 then call('ZADD', calls_key(id), '+inf', ANCHOR) end
  gates[id] = nil
  admit(id, AT_ONCE)
end

local function shape_lane(id, class, gate_ids, weight, open_until, open_from, paused)
  local key, lane = rule_key(id), lane_of(id)
  local before = lane.gates
  unpark(lane)
  if lane.class and lane.class ~= class then call('ZREM', lanes_key(lane.class), id) end
  local left, now_passed, kept = {}, {}, {}
  for _, gate_id in ipairs(words(gate_ids)) do now_passed[gate_id] = true end
  for _, ids in ipairs({lane.left, before}) do
    for _, gate_id in ipairs(ids) do
      if not now_passed[gate_id] and not kept[gate_id] then
        kept[gate_id] = true
        left[#left + 1] = gate_id -- calls under way still hold slots there
      end
    end
  end
  call('PERSIST', key)
  call('HSET', key, 'class', class, 'gates', gate_ids, 'left', table.concat(left, ' '), 'weight', weight,
    'paused', paused)
  if open_until ~= '=' then
    set_or_clear(key, 'until', open_until)
    set_or_clear(key, 'from', open_from)
  end
  lanes[id] = nil
  file(lane_of(id))
  admit_all(before) -- room it was let through for may be another's now
end

for _ = 1, tonumber(ARGV[3]) do
  shape_gate(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
  i = i + 7
end
for _ = 1, tonumber(ARGV[4]) do
  shape_lane(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
  i = i + 7
end
ring()
return 1
