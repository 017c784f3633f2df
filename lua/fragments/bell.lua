-- bell: wakes a sleeping dialer. One token at most lies on the list: rings run together while nobody waits.
local function earliest()
  local best = INF
  for _, class in ipairs(CLASSES) do
    local head = call('ZRANGE', lanes_key(class), 0, 0, 'WITHSCORES')
    if head[2] then best = min(best, tonumber(head[2])) end
  end
  return best
end

local function ring()
  if call('EXISTS', BELL) == 0 then call('RPUSH', BELL, '1') end
end
