#!lua flags=no-writes
-- counts: how much waits on a page of lanes of one class.
-- Uses     keys slots gates lanes
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] class    ARGV[4] first lane, by rank    ARGV[5] lanes at most
-- Returns  {lanes read, waiting, waiting on lanes closed or paused now, overdue, leased, calls that hold slots on
--          the whole shard}
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local first, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local read, waiting, shut, overdue, leased, slots = 0, 0, 0, 0, 0, 0
for _, id in ipairs(call('ZRANGE', lanes_key(ARGV[3]), first, first + most - 1)) do
  local lane = lane_of(id)
  waiting, leased = waiting + lane.waiting, leased + call('HLEN', held_key(id))
  if opening(lane, now) > now then shut = shut + lane.waiting end
  local before, looked = count_before(id, now, lane.waiting)
  overdue, slots = overdue + before, slots + looked
  read = read + 1
  if slots > 2000 then break end
end
return {read, waiting, shut, overdue, leased, call('ZCOUNT', CALLS, '(' .. int(now), '(+inf')}
