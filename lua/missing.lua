#!lua flags=no-writes
-- missing: which of these loops neither wait at that very instant nor are leased.
-- Uses     keys slots gates lanes
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  slot_ms    ARGV[2..] lane, count, then count times loop, due_ms; lane, ...
-- Returns  positions (from 1, over all groups) of the missing
now, slot_ms = 0, tonumber(ARGV[1])
local missing, position, i = {}, 0, 2
while i <= #ARGV do
  local lane, count = lane_of(ARGV[i]), tonumber(ARGV[i + 1])
  local loops, by_slot, found = {}, {}, {}
  for k = 1, count do
    local loop = ARGV[i + 2 * k]
    local name, into = slot_of(lane, tonumber(ARGV[i + 2 * k + 1]))
    loops[k] = loop
    by_slot[name] = by_slot[name] or {loops = {}, into = {}, ks = {}}
    local slot = by_slot[name]
    slot.loops[#slot.loops + 1], slot.into[#slot.into + 1], slot.ks[#slot.ks + 1] = loop, into, k
  end
  for name, slot in pairs(by_slot) do
    for j, score in ipairs(call('ZMSCORE', slot_key(lane.id, name), unpack(slot.loops))) do
      if score and tonumber(score) == slot.into[j] then found[slot.ks[j]] = true end
    end
  end
  local holders = call('HMGET', held_key(lane.id), unpack(loops))
  for k = 1, count do
    position = position + 1
    if not found[k] and not holders[k] then missing[#missing + 1] = position end
  end
  i = i + 2 + 2 * count
end
return missing
