-- leases: who holds a loop. holder: lane:loop -> "claim_id due next marks". `next` is the due instant of a plan
-- that came while the loop was held ('-' none, 'x' withdrawn), `marks` what a refund of its tokens needs.
local PLAIN = ' - -' -- no next, no marks: the usual case

local function held(lane, loops)
  local members = {}
  local prefix = lane .. ':'
  for i = 1, #loops do members[i] = prefix .. loops[i] end
  return members, call('HMGET', HOLDER, unpack(members))
end

local function parse_holder(value)
  return string.match(value, '^(%S+) (%S+) (%S+) (%S+)$')
end

local function holds(value, claim)
  return string.sub(value, 1, #claim + 1) == claim .. ' '
end

local function set_next(member, value, next)
  local claim, due, before, marks = parse_holder(value)
  if next == due then next = '-' end -- the very plan that is held
  if next ~= before then call('HSET', HOLDER, member, claim .. ' ' .. due .. ' ' .. next .. ' ' .. marks) end
end
