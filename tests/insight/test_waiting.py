"""Each waiting loop is in exactly one place, the parts add up, and what is called ready can be claimed.

MISSION: "held back, and why"; DESIGN 4: what closed hours hold back is a count that is always known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.insight.waiting import LaneWhy, Reasons, why_waiting
from scheduler.wheel import Gate, Lane, Placing, TimingWheel
from scheduler.wheel.looking import look_at_gates, look_at_lanes
from tests.wheel.builders import EPOCH, HOUR, NOW, Stand

LANES = range(1, 6)
GATES_OF = {1: ("a:1", "g:1"), 2: ("a:1", "g:1", "b:1"), 3: ("a:1", "g:2", "b:2"), 4: ("a:1", "g:2"), 5: ()}
"""Each gate lies within another or apart from it, as accounts, agents and batches do."""

limit = st.one_of(st.none(), st.integers(0, 6))
gate_rules = st.fixed_dictionaries(
    {
        "max_concurrent": limit,
        "interval_us": st.one_of(st.none(), st.sampled_from([300_000, 5_000_000])),
        "burst": st.integers(1, 5),
        "left": limit,
        "paused": st.sampled_from([False] * 7 + [True]),
    }
)
lane_rules = st.fixed_dictionaries(
    {
        "lane_class": st.sampled_from(["live", "callback", "follow-up", "bulk"]),
        "open_until_ms": st.sampled_from([None, None, NOW + 1, NOW - 1]),
        "open_from_ms": st.sampled_from([None, NOW + HOUR]),
        "paused": st.sampled_from([False, False, False, True]),
    }
)
shapes = st.fixed_dictionaries(
    {
        "lanes": st.lists(st.one_of(st.none(), lane_rules), min_size=5, max_size=5),
        "gates": st.dictionaries(
            st.sampled_from(["a:1", "g:1", "g:2", "b:1", "b:2"]), gate_rules, min_size=3
        ),
        "loops": st.lists(
            st.tuples(st.sampled_from(LANES), st.sampled_from([-HOUR, -7, 0, 0, 1, HOUR])),
            min_size=10,
            max_size=40,
        ),
        "claimed": st.integers(0, 3),
    }
)


@pytest.fixture
def runner(valkey_url: str) -> Iterator[tuple[asyncio.Runner, TimingWheel]]:
    """A loop of its own: hypothesis calls the test many times from outside any."""
    with asyncio.Runner() as runner:
        wheel = runner.run(TimingWheel.connect(valkey_url, shards=1_000_000))
        yield runner, wheel
        runner.run(wheel.close())


@given(shape=shapes)
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_every_waiting_loop_has_one_reason_and_what_is_ready_is_what_claims_get(
    runner: tuple[asyncio.Runner, TimingWheel], shape: dict
):
    """I14: what is overdue is held by a named limit, or it is ready."""
    runner[0].run(_check(runner[1], shape))


async def _check(wheel: TimingWheel, shape: dict) -> None:
    stand = Stand(wheel)
    await wheel.open_epoch(stand.shard, EPOCH)
    lanes = {
        lane_id: Lane(lane_id, stand.shard, gates=GATES_OF[lane_id], **rule)
        for lane_id, rule in zip(LANES, shape["lanes"], strict=True)
        if rule is not None
    }
    gates = {name: Gate(name, stand.shard, **rule) for name, rule in shape["gates"].items()}
    await wheel.shape(list(lanes.values()), list(gates.values()), NOW)
    placings = [
        Placing(stand.shard, lane_id, loop, NOW + after)
        for loop, (lane_id, after) in enumerate(shape["loops"])
    ]
    await wheel.place(placings, NOW)
    under_way = {claim.loop_id for claim in (await stand.claim(shape["claimed"]) if shape["claimed"] else [])}

    explained = await explain(stand)

    for lane_id, said in explained.items():
        waiting = [p for p in placings if p.lane_id == lane_id and p.loop_id not in under_way]
        due = sum(p.due_at_ms <= NOW for p in waiting)
        reasons = said.reasons
        assert reasons.total == len(waiting)
        assert reasons.not_due == len(waiting) - due
        assert min(getattr(reasons, name) for name in reasons.__struct_fields__) >= 0
        lane = lanes.get(lane_id)
        named = [gates.get(name) for name in GATES_OF[lane_id]]
        if lane is None:
            assert reasons.unshaped == due
        elif lane.paused or any(gate is not None and gate.paused for gate in named):
            assert reasons.pause == due
        elif lane.open_until_ms == NOW - 1:
            assert reasons.hours == due
        elif None in named:
            assert reasons.unshaped == due
        else:
            assert reasons.pause == reasons.hours == reasons.unshaped == 0
            limits = {"concurrency": "max_concurrent", "pace": "interval_us", "budget": "left"}
            for reason, rule in limits.items():
                if all(getattr(gate, rule) is None for gate in named):
                    assert getattr(reasons, reason) == 0
    drained = {claim.loop_id for claim in await stand.drain()}
    assert sum(each.reasons.ready for each in explained.values()) == len(drained)
    after = [each.reasons for each in (await explain(stand)).values()]
    assert sum(reasons.ready for reasons in after) == 0
    before = [each.reasons for each in explained.values()]
    assert sum(r.total for r in after) == sum(r.total for r in before) - len(drained)


async def explain(stand: Stand) -> dict[int, LaneWhy]:
    lanes = await look_at_lanes(stand.wheel, stand.shard, list(LANES), stand.now_ms)
    names = sorted({name for lane in lanes for name in lane.gates})
    gates = await look_at_gates(stand.wheel, stand.shard, names, stand.now_ms)
    return {each.lane.lane_id: each for each in why_waiting(lanes, gates, stand.now_ms)}


async def test_the_limit_that_lets_least_through_is_the_one_that_is_named(wheel: TimingWheel):
    stand = Stand(wheel)
    await wheel.open_epoch(stand.shard, EPOCH)
    await stand.gate("a:1", max_concurrent=10)
    await stand.gate("g:1", interval_us=60_000_000, burst=4)
    await stand.gate("b:1", left=2, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "a:1", "g:1")
    await stand.lane(2, "bulk", "a:1", "g:1", "b:1")
    await stand.place(range(6), -5, lane_id=2)
    await stand.place(range(10, 16), -2, lane_id=1)
    await stand.place(range(20, 23), HOUR, lane_id=1)

    explained = await explain(stand)

    assert explained[2].reasons == Reasons(ready=2, budget=4)
    assert explained[2].until_ms == NOW + HOUR
    assert explained[1].reasons == Reasons(ready=2, pace=4, not_due=3)
    await stand.drain()
    explained = await explain(stand)
    assert explained[2].reasons == Reasons(budget=4)
    assert explained[1].reasons == Reasons(pace=4, not_due=3)
    assert explained[1].until_ms == NOW + 60_000, "a minute a token"


async def test_a_lane_behind_its_hours_says_when_they_begin(wheel: TimingWheel):
    stand = Stand(wheel)
    await stand.lane(1, "bulk", open_until_ms=NOW, open_from_ms=NOW + HOUR)
    await stand.place([1], -5)

    explained = await explain(stand)

    assert (explained[1].reasons, explained[1].until_ms) == (Reasons(hours=1), NOW + HOUR)
