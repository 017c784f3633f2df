-- leases: who holds a loop. A claim leases all its loops at once, until one instant: `leases` has its end, `left` how many
-- of its loops are held still, claim:<id> its answer (what it got, lane by lane, with the marks that a refund needs).
-- held:<lane> has loop -> "claim_id next": `next` is the due instant of a plan that came while the loop was held, '-' none,
-- 'x' withdrawn.
local function holder(claim, next) return claim .. ' ' .. next end

-- The first value that a claim writes is longer than 64 bytes: it keeps the server from packing the hash into a list,
-- in which a few hundred short-lived entries are looked up one after the other.
local PAD = ' ' .. string.rep('.', 64)

-- What the claims hold that gave an answer: lane -> marks, and loop -> due instant.
local records = {}
local function record(claim)
  local lanes_of = records[claim]
  if lanes_of then return lanes_of end
  lanes_of = {}
  local word = string.gmatch(call('GET', claim_key(claim)) or '', '%S+')
  word() -- claim id, worker, wake
  word()
  word()
  for lane in word do
    local marks, start, count = word(), tonumber(word()), tonumber(word())
    local group = lanes_of[lane] or {marks = marks, loops = {}, dues = {}}
    lanes_of[lane] = group
    for _ = 1, count do
      local loop = word()
      group.loops[#group.loops + 1] = loop
      group.dues[loop] = start + word()
    end
  end
  records[claim] = lanes_of
  return lanes_of
end

-- The claim that a value of held:<lane> names, and the plan that waits for its end.
local function parse_holder(value) return string.match(value, '^(%S+) (%S+)') end

-- A plan for a held loop: it waits for the end of the lease. The very plan that is held is none.
local function set_next(lane, loop, value, next)
  local claim, before = parse_holder(value)
  if next ~= 'x' then
    local of_lane = record(claim)[lane]
    if of_lane and of_lane.dues[loop] == tonumber(next) then next = '-' end
  end
  if next ~= before then call('HSET', held_key(lane), loop, holder(claim, next)) end
end

local function end_claim(claim)
  call('HDEL', LEFT, claim)
  call('ZREM', LEASES, claim)
  call('UNLINK', claim_key(claim))
end

-- `count` loops of the claim are held no longer; the last ones take it with them.
local function let_go(claim, count)
  if call('HINCRBY', LEFT, claim, -count) < 1 then end_claim(claim) end
end
