#!lua
-- rate: take requests out of callers' allowances, by GCRA, or out of none of them.
-- Uses     keys
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  wall_us   ARGV[2] most requests to take   ARGV[3..] name, burst (requests at once), interval_us, per caller
-- Returns  {taken, left, again_us}: how many were taken from each; of the caller that has least: requests that it may
--          send at once after that, and microseconds until it may send the next one when none was taken, until its
--          allowance is whole again otherwise
local wall, most = tonumber(ARGV[1]), tonumber(ARGV[2])
assert(wall and wall >= 0 and most and most >= 1 and #ARGV >= 5 and (#ARGV - 2) % 3 == 0, 'BADARG rate')

local callers, taken = {}, most
for at = 3, #ARGV, 3 do
  local burst, interval = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  assert(burst and burst >= 1 and interval and interval >= 1, 'BADARG rate')
  local key = rate_key(ARGV[at])
  local tat = max(tonumber(call('GET', key) or 0), wall)
  local free = floor((wall + burst * interval - tat) / interval)
  callers[#callers + 1] = {key = key, tat = tat, burst = burst, interval = interval, free = free}
  taken = max(0, min(taken, free))
end

local left, again = INF, 0
for _, caller in ipairs(callers) do
  local tat = caller.tat + taken * caller.interval
  if taken > 0 then call('SET', caller.key, int(tat), 'PX', int(max(1, floor((tat - wall) / 1000) + 1))) end
  if caller.free - taken < left then
    left = caller.free - taken
    again = taken > 0 and tat - wall or max(0, tat + caller.interval - wall - caller.burst * caller.interval)
  end
end
return {taken, left, int(again)}
