#!lua flags=no-writes
-- lanes_page: what waits on some lanes, and what shuts a lane as a whole.
-- Uses     keys slots gates lanes
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  now_ms    ARGV[2] slot_ms    ARGV[3..] lanes, at most 100
-- Returns  for each lane read: class or '' where it has no rule, waiting, due by now, due_ms of its first or '',
--          ms at which it is open or '' while it does not open by itself, paused (1 or 0), gates ("a:1 g:7").
--          Fewer lanes than asked for once 1000 slots were looked at: ask for the rest
now, slot_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local out, looked = {}, 0
for i = 3, min(#ARGV, 102) do
  local lane = lane_of(ARGV[i])
  local due, slots, head, opens = 0, 0, nil, opening(lane, now)
  if lane.waiting > 0 then
    due, slots = count_before(lane.id, now + 1, lane.waiting)
    if due > 0 then head = head_due(lane.id) end
  end
  for _, word in ipairs({lane.class or '', int(lane.waiting), int(due), head and int(head) or '',
    opens < INF and int(opens) or '', lane.paused and '1' or '0', table.concat(lane.gates, ' ')}) do
    out[#out + 1] = word
  end
  looked = looked + slots
  if looked > 1000 then break end
end
return out
