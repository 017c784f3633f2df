-- bell: wakes a sleeping dialer. One token at most lies on the list: rings run together while nobody waits.

-- The earliest instant at which a lane may have work or a gate opens by itself.
local function earliest()
  local best = INF
  for _, class in ipairs(CLASSES) do
    local head = call('ZRANGE', lanes_key(class), 0, 0, 'WITHSCORES')[2]
    if head then best = min(best, tonumber(head)) end
  end
  local gate_at = call('ZRANGE', SHUT, 0, 0, 'WITHSCORES')[2]
  return gate_at and min(best, tonumber(gate_at)) or best
end

-- Whether one of these lanes was filed anew and has the earliest instant of all.
local function any_first(some, first)
  for _, lane in pairs(some) do
    if lane.moved and lane.at == first then return true end
  end
  return false
end

local function ring()
  if call('EXISTS', BELL) == 0 then call('RPUSH', BELL, '1') end
end
