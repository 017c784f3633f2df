#!lua flags=no-writes
-- missing: which of these loops neither wait at that very instant nor are leased.
-- Uses     keys leases
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  slot_ms    ARGV[2..] lane, count, then count times loop, due_ms; lane, ...
-- Returns  positions (from 1, over all groups) of the missing
local slot_ms = tonumber(ARGV[1])
local missing, position, i = {}, 0, 2
while i <= #ARGV do
  local lane, count = ARGV[i], tonumber(ARGV[i + 1])
  local loops, by_slot, found = {}, {}, {}
  for k = 1, count do
    local loop, due = ARGV[i + 2 * k], tonumber(ARGV[i + 2 * k + 1])
    loops[k] = loop
    local n = floor(due / slot_ms)
    by_slot[n] = by_slot[n] or {loops = {}, offs = {}, ks = {}}
    local slot = by_slot[n]
    slot.loops[#slot.loops + 1], slot.offs[#slot.offs + 1], slot.ks[#slot.ks + 1] = loop, due - n * slot_ms, k
  end
  for n, slot in pairs(by_slot) do
    for j, score in ipairs(call('ZMSCORE', slot_key(lane, n), unpack(slot.loops))) do
      if score and tonumber(score) == slot.offs[j] then found[slot.ks[j]] = true end
    end
  end
  local _, values = held(lane, loops)
  for k = 1, count do
    position = position + 1
    if not found[k] and not values[k] then missing[#missing + 1] = position end
  end
  i = i + 2 + 2 * count
end
return missing
