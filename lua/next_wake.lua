#!lua flags=no-writes
-- next_wake: the earliest instant at which something may be claimable, for clocks that are moved.
-- Exact over 64 lanes: those with the earliest entries, and those that wait at the gates that open first; beyond
-- them never later than the truth.
-- Uses     keys slots gates lanes
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms
-- Returns  the instant in ms as text, '' when there is none
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local MOST = 64
local found, parked, asked = {}, 0, {}

-- The lanes that wait at a gate, which may open at that instant. One beyond MOST stands for all the rest.
local function add_parked(gate_id, at)
  if asked[gate_id] then return end
  asked[gate_id] = true
  for _, line in ipairs(LINES) do
    for _, id in ipairs(call('ZRANGE', parked_key(gate_id, line), 0, MOST - min(parked, MOST))) do
      parked = parked + 1
      found[#found + 1] = {id = parked <= MOST and id, at = at}
    end
  end
end

for _, class in ipairs(CLASSES) do
  local r = call('ZRANGE', lanes_key(class), '-inf', '(+inf', 'BYSCORE', 'LIMIT', 0, MOST, 'WITHSCORES')
  for k = 1, #r, 2 do found[#found + 1] = {id = r[k], at = tonumber(r[k + 1])} end
end
local shut = call('ZRANGE', SHUT, 0, MOST - 1, 'WITHSCORES')
for k = 1, #shut, 2 do add_parked(shut[k], tonumber(shut[k + 1])) end
-- a lane shown now may have been let through a gate at which others wait
for k = 1, min(MOST, #found) do
  if found[k].id and found[k].at <= now then
    for _, gate_id in ipairs(lane_of(found[k].id).gates) do add_parked(gate_id, now) end
  end
end
table.sort(found, function(a, b) return a.at < b.at end)

local best = INF
for k, entry in ipairs(found) do
  if entry.at >= best then break end
  if k > 2 * MOST or not entry.id then
    best = entry.at
    break
  end
  local lane = lane_of(entry.id)
  local head = head_due(lane.id)
  if head then
    local at = opening(lane, max(head, now))
    local n, _, free_at = passage(lane.gates)
    if n < 1 then at = opening(lane, max(at, free_at)) end
    best = min(best, at)
  end
end
return best < INF and int(best) or ''
