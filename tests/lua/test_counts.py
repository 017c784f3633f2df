"""counts: always known, never by a walk over the leads."""

from __future__ import annotations

from scheduler.wheel import Counts
from tests.wheel.builders import HOUR, MINUTE, NOW, Stand


async def test_every_state_is_counted(stand: Stand):
    await stand.gate("a:1", max_concurrent=9)
    await stand.lane(1, "bulk", "a:1")
    await stand.lane(2, "live")
    await stand.lane(3, "callback", open_until_ms=NOW, open_from_ms=NOW + HOUR)
    await stand.place([1, 2, 3], -MINUTE)
    await stand.place([4], 0)
    await stand.place([5], MINUTE)
    await stand.place([6, 7], -5, lane_id=3)
    claims = await stand.claim(2)
    await stand.release(claims[:1], sent=True)
    assert await stand.wheel.counts(stand.shard, NOW) == Counts(
        waiting=5, held=2, overdue=3, leased=1, in_call=2, lanes=3
    )


async def test_more_lanes_than_a_page_are_all_counted(stand: Stand):
    for lane_id in range(1, 451):
        await stand.lane(lane_id, "bulk")
    await stand.wheel.place([stand.placing(i, 0, i) for i in range(1, 451)], NOW)
    counts = await stand.wheel.counts(stand.shard, NOW + 1)
    assert (counts.lanes, counts.waiting, counts.overdue) == (450, 450, 450)


async def test_a_call_past_its_hard_end_is_none(stand: Stand):
    await stand.gate("a:1", max_concurrent=5)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1])
    await stand.claim()
    stand.now_ms += stand.wheel.call_ms - 1
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).in_call == 1
    stand.now_ms += 1
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).in_call == 0


async def test_only_calls_that_a_gate_limits_are_counted(stand: Stand):
    """Whatever else is under way is in the ledger: a slot that nobody counts costs nothing."""
    await stand.gate("a:1", interval_us=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1])
    assert len(await stand.claim()) == 1
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).in_call == 0


async def test_what_a_long_pause_left_overdue_is_counted_by_what_is_not(stand: Stand):
    """More slots are overdue than are read one by one, and then also more are not."""
    late = [stand.placing(minute, -minute * MINUTE - 1, was_at_ms=0) for minute in range(600)]
    await stand.wheel.place(late, NOW)
    await stand.place([1000, 1001], 0)
    await stand.place([1002], 30_000)
    await stand.place([1003, 1004], MINUTE)
    await stand.place([1005], 11 * HOUR)
    for now_ms, overdue in ((NOW, 600), (NOW + 1, 602), (NOW + MINUTE + 1, 605), (NOW + 12 * HOUR, 606)):
        counts = await stand.wheel.counts(stand.shard, now_ms)
        assert (counts.waiting, counts.overdue) == (606, overdue)

    early = [stand.placing(2000 + minute, (minute + 2) * MINUTE, was_at_ms=0) for minute in range(600)]
    await stand.wheel.place(early, NOW)
    for now_ms, overdue in ((NOW, 600), (NOW + 1, 602), (NOW + HOUR, 605 + 58)):
        counts = await stand.wheel.counts(stand.shard, now_ms)
        assert (counts.waiting, counts.overdue) == (1206, overdue)
