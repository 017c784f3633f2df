#!lua flags=allow-oom
-- drop: lanes off the wheel with all that waits on them. Their gates are remembered until `keep_ms` of the server's
-- time have passed, so that calls still under way free their slots when they end.
-- Flow     waiting -> nowhere
-- Uses     keys slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  slot_ms    ARGV[2] keep_ms    ARGV[3] slots at most    ARGV[4..] lanes
-- Returns  {lanes done, loops dropped}: fewer done than given when there are more slots than one call may free
now, slot_ms = 0, tonumber(ARGV[1])
local budget, done, dropped = tonumber(ARGV[3]), 0, 0
for i = 4, #ARGV do
  if budget < 1 then break end
  local lane = lane_of(ARGV[i])
  unpark(lane)
  for _, name in ipairs(call('ZRANGE', lane_key(lane.id), 0, budget - 1)) do
    local key = slot_key(lane.id, name)
    local size = call('ZCARD', key)
    call('UNLINK', key)
    call('ZREM', lane_key(lane.id), name)
    count_waiting(lane, -size)
    dropped, budget = dropped + size, budget - 1
  end
  if slot_count(lane.id) > 0 then
    file(lane)
    break
  end
  if lane.class then call('ZREM', lanes_key(lane.class), lane.id) end
  call('HDEL', TURNS, lane.id)
  local key = rule_key(lane.id)
  call('HDEL', key, 'class', 'paused', 'until', 'from', 'weight', 'dense', 'waiting', 'parked')
  if #lane.gates + #lane.left > 0 then call('PEXPIRE', key, ARGV[2]) else call('DEL', key) end
  admit_all(lane.gates)
  done = done + 1
end
if done > 0 then ring() end
return {done, dropped}
