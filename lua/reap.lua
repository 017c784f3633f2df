#!lua flags=allow-oom
-- reap: take loops away from claims whose lease has ended; they wait again, due as they were.
-- Flow     leased -> waiting
-- Uses     keys slots gates lanes leases bell
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3] wall_ms    ARGV[4..] lane, claim_id, sent (1 or 0), count, loops; lane, ...
-- Returns  positions (from 1, over all groups) of the stale: not held by that claim any more, or its lease was renewed;
--          nothing changed for them
-- A loop that was not sent gives its call slots back; tokens are not refunded: whether the call went out is not known here.
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local wall, by_lane, stale, position, i = tonumber(ARGV[3]), {}, {}, 0, 4
call('ZREMRANGEBYSCORE', CALLS, '-inf', int(now))

local ends = {}
local function has_ended(claim)
  ends[claim] = ends[claim] or tonumber(call('ZSCORE', LEASES, claim) or '+inf') or math.huge
  return ends[claim] <= wall
end

while i <= #ARGV do
  local id, claim, sent, count = ARGV[i], ARGV[i + 1], ARGV[i + 2] == '1', tonumber(ARGV[i + 3])
  local ended, had = has_ended(claim), record(claim)[id]
  local group = by_lane[id] or {unsent = {}, back = {}, dues = {}}
  by_lane[id] = group
  local taken = {}
  for k, value in ipairs(call('HMGET', held_key(id), unpack(ARGV, i + 4, i + 3 + count))) do
    local loop, holder_id, next = ARGV[i + 3 + k], nil, nil
    if value then holder_id, next = parse_holder(value) end
    position = position + 1
    if ended and had and had.dues[loop] and holder_id == claim then
      taken[#taken + 1] = loop
      if not sent then group.unsent[#group.unsent + 1] = loop end
      if next ~= 'x' then
        group.back[#group.back + 1] = loop
        group.dues[#group.dues + 1] = tonumber(next) or had.dues[loop]
      end
    else
      stale[#stale + 1] = position
    end
  end
  if #taken > 0 then
    call('HDEL', held_key(id), unpack(taken))
    let_go(claim, #taken)
  end
  i = i + 4 + count
end
if #stale == position then return stale end

for id, group in pairs(by_lane) do
  local lane = lane_of(id)
  if #group.unsent > 0 then free_calls(lane, group.unsent) end
  if lane.class and #group.back > 0 then -- a dropped lane takes nothing back
    count_waiting(lane, put(lane, group.back, group.dues, #group.back))
    file(lane)
  end
end
for id in pairs(by_lane) do
  admit_all(lane_of(id).gates)
  admit_all(lane_of(id).left)
end
ring()
return stale
