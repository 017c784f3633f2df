"""missing: what the sweeper puts back (I14, I22)."""

from __future__ import annotations

from tests.wheel.builders import MINUTE, Stand


async def test_only_what_neither_waits_at_that_instant_nor_is_leased_is_missing(stand: Stand):
    await stand.place([1, 2])
    await stand.claim(1)
    await stand.place([3], MINUTE)
    await stand.place([4], 2 * MINUTE)
    asked = [stand.placing(loop, after) for loop, after in ((1, 0), (2, 0), (3, MINUTE), (4, MINUTE), (5, 0))]
    missing = await stand.wheel.missing(asked)
    assert sorted(each.loop_id for each in missing) == [4, 5]
    assert len(await stand.wheel.missing([stand.placing(4, 2 * MINUTE + 1)])) == 1
    await stand.wheel.place(missing, stand.now_ms)
    assert await stand.wheel.missing(asked) == []
    assert await stand.waiting() == 4


async def test_thousands_are_asked_in_bounded_calls(stand: Stand):
    placings = [stand.placing(loop, loop * 100, was_at_ms=0) for loop in range(2_500)]
    await stand.wheel.place(placings[::2], stand.now_ms)
    assert {each.loop_id for each in await stand.wheel.missing(placings)} == set(range(1, 2_500, 2))
