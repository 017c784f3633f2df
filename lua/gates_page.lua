#!lua flags=no-writes
-- gates_page: what some gates let through now, limit by limit.
-- Uses     keys gates
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3..] gates, at most 100
-- Returns  for each gate: shaped (1 or 0), paused (1 or 0), calls at most or '', calls, ms at which one ends or '',
--          interval_us or '', burst, tokens or '', ms of the next token or '', budget left or '', ms of its renewal or ''.
--          Of calls and tokens the instant is '' while some are free, of a budget where it does not renew
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local out = {}

-- What a gate with nothing but this limit would let through, and from when.
local function alone(limit)
  limit.known, limit.paused = true, false
  local n, at = room(limit)
  return n < INF and int(max(0, n)) or '', n < 1 and at < INF and int(at) or ''
end

for i = 3, min(#ARGV, 102) do
  local g = gate(ARGV[i])
  local _, frees = alone({id = g.id, most = g.most, used = g.used})
  local tokens, token_at = alone({id = g.id, interval = g.interval, burst = g.burst, tat = g.tat})
  local left = alone({id = g.id, left = g.left, renews = g.renews})
  for _, word in ipairs({g.known and '1' or '0', g.paused and '1' or '0', g.most and int(g.most) or '', int(g.used), frees,
    g.interval and int(g.interval) or '', int(g.burst), tokens, token_at, left,
    left ~= '' and g.renews < INF and int(g.renews) or ''}) do
    out[#out + 1] = word
  end
end
return out
