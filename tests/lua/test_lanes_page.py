"""lanes_page: what waits on a lane, and what shuts it as a whole."""

from __future__ import annotations

from redis.asyncio import Redis

from scheduler.wheel.looking import PAGE, LaneNow, look_at_lanes
from tests.wheel.builders import HOUR, MINUTE, NOW, Stand


async def look(stand: Stand, *lane_ids: int) -> list[LaneNow]:
    return await look_at_lanes(stand.wheel, stand.shard, lane_ids, stand.now_ms)


async def test_a_lane_shows_what_waits_what_is_due_and_its_gates(stand: Stand):
    await stand.lane(1, "callback", "a:1", "g:7")
    await stand.place([1, 2], -MINUTE)
    await stand.place([3], 0)
    await stand.place([4], 1)
    await stand.place([5], HOUR)
    await stand.place([6], -HOUR, lane_id=2)

    [one] = await look(stand, 1)

    assert one == LaneNow(1, "callback", 5, 3, NOW - MINUTE, NOW, False, ("a:1", "g:7"))


async def test_closed_hours_and_a_pause_show_when_the_lane_opens(stand: Stand):
    await stand.lane(1, "bulk", open_until_ms=NOW, open_from_ms=NOW + HOUR)
    await stand.lane(2, "bulk", open_until_ms=NOW)
    await stand.lane(3, "live", paused=True)

    closed, for_good, paused = await look(stand, 1, 2, 3)

    assert (closed.opens_at_ms, closed.paused) == (NOW + HOUR, False)
    assert (for_good.opens_at_ms, for_good.paused) == (None, False)
    assert (paused.opens_at_ms, paused.paused) == (None, True)


async def test_lanes_without_a_rule_or_unheard_of_are_shown_as_such(stand: Stand):
    await stand.place([1], -5, lane_id=8)

    placed, unknown = await look(stand, 8, 9)

    assert (placed.lane_class, placed.waiting, placed.due) == (None, 1, 1)
    assert unknown == LaneNow(9, None, 0, 0, None, NOW, False, ())


async def test_lanes_beyond_a_page_and_beyond_what_a_call_looks_through_come_in_order(
    stand: Stand, wheel_url: str
):
    """Bounded scripts: no call looks at more than a page, none goes on after a thousand slots."""
    for lane_id in (1, 2):
        await stand.lane(lane_id)
        await stand.wheel.place([stand.placing(i, i * MINUTE - HOUR, lane_id, 0) for i in range(2500)], NOW)
    ids = range(1, PAGE + 50)
    before = await _calls(wheel_url)

    found = await look(stand, *ids)

    stats = await _calls(wheel_url) - before
    assert [lane.lane_id for lane in found] == list(ids)
    assert [lane.waiting for lane in found[:3]] == [2500, 2500, 0]
    assert [lane.due for lane in found[:3]] == [61, 61, 0]
    assert stats == 2


async def test_a_lane_that_fills_a_call_leaves_the_others_to_the_next(stand: Stand, wheel_url: str):
    """Half of ten thousand slots are due: a call ends with the lane that took it over its bound."""
    for lane_id in (1, 2):
        loops = [stand.placing(i, (i - 2300) * MINUTE, lane_id, 0) for i in range(4600)]
        await stand.wheel.place(loops, NOW)
    before = await _calls(wheel_url)

    found = await look(stand, 1, 2, 3)

    assert [(lane.waiting, lane.due) for lane in found] == [(4600, 2301), (4600, 2301), (0, 0)]
    assert await _calls(wheel_url) - before == 3


async def _calls(url: str) -> int:
    """Scripts run on the server so far."""
    client = Redis.from_url(url)
    stats = await client.info("commandstats")
    await client.aclose()
    return int(stats["cmdstat_evalsha"]["calls"])
