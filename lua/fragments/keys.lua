-- keys: every key of a shard is built here, under the one tag handed in and the shard's generation. A rebuild begins a
-- new generation in one step: what was written under the old one, or still is, is never seen again.
local call, floor, max, min = redis.call, math.floor, math.max, math.min
local now, slot_ms -- set by each script from its arguments
local EPOCH, BELL, GENERATION = KEYS[1] .. ':epoch', KEYS[1] .. ':bell', KEYS[1] .. ':generation'
local BUILDING = KEYS[1] .. ':building'
local function keys_of(generation) return KEYS[1] .. ':' .. generation .. ':' end
local TAG = keys_of(call('GET', GENERATION) or '0')
local LEASES, LEFT, FLOOR = TAG .. 'leases', TAG .. 'left', TAG .. 'floor'
local TURNS, SHUT, CALLS = TAG .. 'turns', TAG .. 'shut', TAG .. 'calls:shard'
local CLASSES = {'live', 'callback', 'follow-up', 'bulk'}
local INF = math.huge

-- A member that stays. Being longer than 64 bytes it keeps the server from packing a busy zset into a list, in which a
-- few hundred short-lived members are looked up one after the other: claim and settle take twice as long.
local ANCHOR = 'anchor:' .. string.rep('-', 64)

-- Numbers become text here: Lua's own tostring keeps 14 digits, and microseconds have 16.
local function int(x)
  if x == INF then return '+inf' end
  return string.format('%.0f', x)
end

local function lanes_key(class) return TAG .. 'lanes:' .. class end
-- Lanes at a gate stand in three lines, for live lanes go first and bulk has its floor.
local function parked_key(gate, class)
  if class ~= 'live' and class ~= 'bulk' then class = 'rest' end
  return TAG .. 'parked:' .. class .. ':' .. gate
end
local LINES = {'live', 'rest', 'bulk'}
local function lane_key(lane) return TAG .. 'lane:' .. lane end
local function slot_key(lane, name) return TAG .. 'slot:' .. lane .. ':' .. name end
local function rule_key(id) return TAG .. 'rule:' .. id end
local function calls_key(gate) return TAG .. 'calls:' .. gate end
local function held_key(lane) return TAG .. 'held:' .. lane end
local function claim_key(id) return TAG .. 'claim:' .. id end
local function rate_key(name) return KEYS[1] .. ':rate:' .. name end
