"""next_wake: the instant a stepped clock may move to: never later than the truth, or work would be late."""

from __future__ import annotations

from tests.wheel.builders import HOUR, MINUTE, NOW, Stand


async def test_nothing_in_sight_is_none(stand: Stand):
    assert await stand.next_wake() is None


async def test_the_next_due_instant_and_the_past_when_it_is_now(stand: Stand):
    await stand.place([1], 5 * MINUTE)
    assert await stand.next_wake() == NOW + 5 * MINUTE
    stand.now_ms += 6 * MINUTE
    wake = await stand.next_wake()
    assert wake is not None
    assert wake <= stand.now_ms


async def test_a_closed_lane_wakes_when_it_opens(stand: Stand):
    await stand.place([1])
    await stand.lane(1, open_until_ms=NOW, open_from_ms=NOW + HOUR)
    assert await stand.next_wake() == NOW + HOUR


async def test_work_due_after_closing_wakes_when_the_lane_opens_again(stand: Stand):
    await stand.place([1], 2 * MINUTE)
    await stand.lane(1, open_until_ms=NOW + MINUTE, open_from_ms=NOW + HOUR)
    assert await stand.next_wake() == NOW + HOUR


async def test_a_throttled_lane_wakes_at_the_next_token(stand: Stand):
    await stand.gate("a:1", interval_us=7_000_000)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1, 2])
    await stand.claim()
    assert await stand.next_wake() == NOW + 7_000


async def test_a_lane_behind_a_full_gate_wakes_at_the_first_hard_end(stand: Stand):
    await stand.gate("a:1", max_concurrent=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1, 2])
    claims = await stand.claim()
    assert await stand.next_wake() == NOW + stand.wheel.call_ms
    await stand.end(claims)
    wake = await stand.next_wake()
    assert wake is not None
    assert wake <= NOW


async def test_a_gate_that_cannot_free_itself_counts_for_nothing(stand: Stand):
    await stand.gate("a:1", max_concurrent=0)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1])
    assert await stand.next_wake() is None
