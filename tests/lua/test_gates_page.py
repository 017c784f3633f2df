"""gates_page: what a gate lets through now, limit by limit."""

from __future__ import annotations

from scheduler.wheel.looking import PAGE, GateNow, look_at_gates
from tests.wheel.builders import HOUR, NOW, Stand


async def look(stand: Stand, *names: str) -> list[GateNow]:
    found = await look_at_gates(stand.wheel, stand.shard, names, stand.now_ms)
    assert list(found) == list(names)
    return list(found.values())


async def test_each_limit_of_a_gate_is_told_by_itself(stand: Stand):
    await stand.gate("a:1", max_concurrent=3, interval_us=1_000_000, burst=5, left=4, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1, 2])
    assert len(await stand.claim()) == 2

    [gate] = await look(stand, "a:1")

    assert gate == GateNow("a:1", True, False, 3, 2, None, 1_000_000, 5, 3, None, 2, NOW + HOUR)


async def test_a_limit_that_is_used_up_tells_when_it_gives_again(stand: Stand):
    await stand.gate("a:1", max_concurrent=1)
    await stand.gate("g:2", interval_us=700_000, burst=1)
    await stand.gate("c:3", left=1, renews_at_ms=NOW + 500)
    await stand.gate("c:4", left=1)
    await stand.lane(1, "bulk", "a:1", "g:2", "c:3", "c:4")
    await stand.place([1])
    await stand.claim()

    calls, pace, pool, for_good = await look(stand, "a:1", "g:2", "c:3", "c:4")

    assert (calls.in_call, calls.free_at_ms) == (1, NOW + stand.wheel.call_ms)
    assert (pace.tokens, pace.token_at_ms) == (0, NOW + 700)
    assert (pool.left, pool.renews_at_ms) == (0, NOW + 500)
    assert (for_good.left, for_good.renews_at_ms) == (0, None)

    stand.now_ms += 500
    [renewed] = await look(stand, "c:3")
    assert (renewed.left, renewed.renews_at_ms) == (None, None), "its time is over: it says nothing"


async def test_a_gate_without_limits_a_paused_one_and_one_without_a_rule_differ(stand: Stand):
    await stand.gate("a:1")
    await stand.gate("g:2", paused=True)

    free, paused, unknown = await look(stand, "a:1", "g:2", "b:3")

    assert (free.shaped, free.paused, free.max_concurrent, free.tokens, free.left) == (
        True, False, None, None, None,
    )  # fmt: skip
    assert (paused.shaped, paused.paused) == (True, True)
    assert (unknown.shaped, unknown.paused) == (False, False)


async def test_more_gates_than_a_page_are_all_told(stand: Stand):
    names = [f"b:{number}" for number in range(1, PAGE + 60)]
    await stand.gate(names[-1], burst=7, interval_us=10)

    assert (await look(stand, *names))[-1].burst == 7
