#!lua flags=allow-oom
-- free: call slots back of loops that are in no call any more, unless they have taken them again meanwhile.
-- Uses     keys slots gates lanes bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3..] lane, loop, hard end of its call as it was read; lane, ...
-- Returns  how many loops gave their slots back
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local by_lane, freed, back = {}, 0, 0
for i = 3, #ARGV, 3 do
  local held_until = call('ZSCORE', CALLS, ARGV[i + 1])
  if held_until and tonumber(held_until) == tonumber(ARGV[i + 2]) then
    local loops = by_lane[ARGV[i]] or {}
    by_lane[ARGV[i]], loops[#loops + 1] = loops, ARGV[i + 1]
    freed = freed + 1
  end
end
for id, loops in pairs(by_lane) do
  local lane = lane_of(id)
  free_calls(lane, loops)
  call('ZREM', CALLS, unpack(loops)) -- whatever became of the lane's gates
  back = back + admit_all(lane.gates) + admit_all(lane.left)
end
if back > 0 then ring() end
return freed
