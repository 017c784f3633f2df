#!lua flags=allow-oom
-- expired: what is held still by claims whose lease has ended. It stays held; claims that hold nothing are ended.
-- Flow     leased -> leased
-- Uses     keys leases
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  wall_ms    ARGV[2] limit (loops)
-- Returns  {lane, loop, due_ms, claim_id, ...}
local left, out = tonumber(ARGV[2]), {}
for _, claim in ipairs(call('ZRANGE', LEASES, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, left)) do
  local holds = false
  for id, had in pairs(record(claim)) do
    for k, value in ipairs(call('HMGET', held_key(id), unpack(had.loops))) do
      if value and parse_holder(value) == claim then
        holds = true
        if left > 0 then
          left = left - 1
          for _, word in ipairs({id, had.loops[k], int(had.dues[had.loops[k]]), claim}) do out[#out + 1] = word end
        end
      end
    end
  end
  if not holds then end_claim(claim) end
  if left < 1 then break end
end
return out
