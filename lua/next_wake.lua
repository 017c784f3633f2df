#!lua flags=no-writes
-- next_wake: the earliest instant at which something may be claimable, for clocks that are moved.
-- Exact over the 64 lanes with the earliest entries; beyond them never later than the truth.
-- Uses     keys slots gates lanes
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms
-- Returns  the instant in ms as text, '' when there is none
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local found = {}
for _, class in ipairs(CLASSES) do
  local r = call('ZRANGE', lanes_key(class), 0, 63, 'WITHSCORES')
  for k = 1, #r, 2 do found[#found + 1] = {id = r[k], at = tonumber(r[k + 1])} end
end
table.sort(found, function(a, b) return a.at < b.at end)

local best = INF
for k, entry in ipairs(found) do
  if entry.at >= best then break end
  if k > 64 then
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
