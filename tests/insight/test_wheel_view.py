"""An account's wheel, ledger and Redis put together: every waiting lead once, with the true reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scheduler.domain.model import LaneClass
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND, Ms
from scheduler.flow.lanes import LaneKey
from scheduler.insight.ledger_counts import LaneCounts, read_dialing
from scheduler.insight.waiting import Reasons
from scheduler.insight.wheel_view import WheelView, WheelViewer
from scheduler.ledger.instants import to_datetime
from scheduler.wheel import Placing
from scheduler.wheel.looking import PAGE
from tests.builders import TUESDAY_2PM, FreezingClock, World, phones
from tests.worlds import OpenWorld


async def look(world: World, lanes: int = 20) -> WheelView:
    view = await WheelViewer(world.flow, world.clock).look(world.account_id, lanes=lanes)
    parts = Reasons()
    for one in view.classes.values():
        parts.add(one.reasons)
    assert parts == view.reasons
    assert view.reasons.total == await in_ledger(world), "the parts add up to what waits in the ledger"
    due = view.due
    assert due.now + due.next_minute + due.next_hour + due.later == view.reasons.total
    return view


async def in_ledger(world: World) -> int:
    return int(
        await world.value(
            "SELECT count(*) FROM loop WHERE account_id = $1 AND status IN ('scheduled', 'waiting_callback')",
            world.account_id,
        )
    )


async def move(world: World, loop_id: int, at_ms: Ms) -> None:
    """Another plan for a loop: in the ledger, and on the wheel if it is near."""
    row = await world.row("SELECT lane_id, next_at FROM loop WHERE loop_id = $1", loop_id)
    await world.run(
        "UPDATE loop SET next_at = $2, open_until = $2::timestamptz + interval '1 hour' WHERE loop_id = $1",
        loop_id,
        to_datetime(at_ms),
    )
    await world.flow.wheel.withdraw([(0, row["lane_id"], loop_id)], world.now_ms)
    if world.flow.within_horizon(at_ms, world.now_ms):
        await world.flow.wheel.place([Placing(0, row["lane_id"], loop_id, at_ms)], world.now_ms)


async def test_what_is_due_near_and_beyond_the_horizon_is_told_apart(world: World):
    loops = [await world.a_due_loop(number) for number in phones(5)]
    for loop_id, after_ms in zip(loops[1:], (30 * SECOND, 20 * MINUTE, 2 * HOUR, 3 * DAY), strict=True):
        await move(world, loop_id, world.now_ms + after_ms)

    view = await look(world)

    assert view.reasons == Reasons(ready=1, not_due=2, later=2)
    assert (view.due.now, view.due.next_minute, view.due.next_hour, view.due.later) == (1, 1, 1, 2)
    assert view.depth == 3
    assert view.classes["live"].next_ms == world.now_ms + 30 * SECOND


async def test_lost_on_the_wheel_is_not_lost_in_the_count(world: World):
    """DESIGN 1: the ledger is the truth; what the wheel has lost is counted as not being there."""
    await world.a_due_loop()
    await world.flow.wheel.begin_rebuild(0)

    assert (await look(world)).reasons == Reasons(later=1)


@pytest.mark.parametrize("what", ["account", "agent"])
async def test_whoever_is_paused_what_is_due_waits_for_the_pause(world: World, what: str):
    await world.a_due_loop()
    later = await world.a_due_loop(phones(2)[1])
    await move(world, later, world.now_ms + HOUR)
    await world.run(f"UPDATE {what} SET paused = true")
    await world.flow.lanes.shape_all(world.now_ms)

    view = await look(world)

    assert view.reasons == Reasons(pause=1, not_due=1)
    assert view.lag_ms == 0


async def test_a_closed_lane_waits_for_its_hours_and_says_until_when(world: World):
    """MISSION: outside hours, next opens at."""
    await world.a_due_loop()
    [lane] = world.flow.lanes.known()
    opens_ms = world.now_ms + 14 * HOUR
    lane.open_until_ms, lane.open_from_ms = world.now_ms, opens_ms
    await world.flow.lanes.shape([lane], world.now_ms)

    view = await look(world)

    assert (view.reasons, view.opens_ms) == (Reasons(hours=1), opens_ms)
    assert view.lanes[0].until_ms == opens_ms


async def test_a_paced_batch_waits_for_its_pace_on_the_wheel_and_in_the_ledger(world: World):
    batch_id = await world.a_batch('{"max_per_min": 1}')
    for number in phones(5):
        await world.a_due_loop(number, batch_id=batch_id)
    kept = await world.row("SELECT min(loop_id) AS loop_id, min(lane_id) AS lane_id FROM loop")
    await world.flow.wheel.withdraw([(0, kept["lane_id"], kept["loop_id"])], world.now_ms)
    await world.run("UPDATE loop SET held = true WHERE loop_id = $1", kept["loop_id"])

    view = await look(world)

    assert view.reasons == Reasons(ready=1, pace=4)
    assert view.depth == 4
    [gate] = [gate for gate in view.gates if gate.gate == f"b:{batch_id}"]
    assert gate.tokens == 1
    await world.run("UPDATE batch SET status = 'paused'")
    await world.flow.lanes.shape_all(world.now_ms)
    assert (await look(world)).reasons == Reasons(pause=5)


async def test_a_full_account_waits_for_a_call_to_end(open_world: OpenWorld):
    world = await open_world(account={"max_concurrent": 2})
    loops = [await world.a_due_loop(number) for number in phones(5)]
    await world.dial()

    view = await look(world)

    assert view.reasons == Reasons(concurrency=3)
    assert view.dialing.in_flight == 2
    assert len(loops) == 5


async def test_a_loop_that_was_refused_or_called_is_counted_where_it_is_then(world: World):
    """Through a whole round: due, dialled, planned again."""
    for number in phones(8):
        await world.a_due_loop(number)
    seen = []
    for _ in range(4):
        seen.append((await look(world)).reasons.total)
        await world.dial()
        seen.append((await look(world)).reasons.total)
        world.pass_time(5 * MINUTE)
        await world.carry()
    assert seen[:3] == [8, 0, 8]


async def test_how_late_work_is_counts_only_what_a_dialer_could_have(world: World):
    await world.a_due_loop()
    world.pass_time(9 * SECOND)
    await world.a_due_loop(phones(2)[1])
    world.pass_time(SECOND)

    assert (await look(world)).lag_ms == 10 * SECOND


async def test_rates_and_lateness_are_those_of_the_last_minute(world: World):
    for number in phones(6):
        await world.a_due_loop(number)
    world.pass_time(2 * SECOND)
    assert await world.dial() == 6
    world.pass_time(5 * SECOND)

    async def dialing() -> Any:
        return await read_dialing(world.flow.database, world.account_id, world.now_ms)

    soon = await dialing()
    world.pass_time(20 * SECOND)
    later = await dialing()
    world.pass_time(MINUTE)
    long_after = await dialing()

    assert (soon.per_s_of_10_s, soon.per_s_of_minute) == (0.6, 0.1)
    assert (soon.lag_p50_ms, soon.lag_p99_ms) == (2 * SECOND, 2 * SECOND)
    assert (later.per_s_of_10_s, later.per_s_of_minute) == (0, 0.1)
    assert (long_after.per_s_of_minute, long_after.lag_p50_ms) == (0, None)
    assert (await read_dialing(world.flow.database, world.account_id + 1, world.now_ms)).in_flight == 0


async def test_above_what_is_looked_at_rates_are_those_of_the_time_it_covers(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Bounded work: the newest attempts only."""
    monkeypatch.setattr("scheduler.insight.ledger_counts._ATTEMPTS", 10)
    for second in range(5):
        for number in phones(50)[second * 10 : second * 10 + 10]:
            await world.a_due_loop(number)
        await world.dial()
        world.pass_time(2 * SECOND)

    dialing = await read_dialing(world.flow.database, world.account_id, world.now_ms)

    assert (dialing.per_s_of_10_s, dialing.per_s_of_minute) == (5, 5), "ten in the last two seconds"


async def test_ten_thousand_lanes_are_read_in_pages_and_the_fullest_are_shown(world: World):
    """Issue 4: never a scan of the keyspace, never a script over 200 lanes."""
    await world.a_due_loop()
    template = world.flow.lanes.known()[0]
    keys = [
        LaneKey(template.key.agent_id, LaneClass.BULK, batch_id, template.key.place_id)
        for batch_id in range(1, 10_001)
    ]
    refs = await world.flow.lanes.ensure(keys, world.now_ms)
    placings = [
        Placing(0, ref.lane_id, 1_000_000 + number, world.now_ms + 1, 0)
        for number, ref in enumerate(refs.values())
    ]
    await world.flow.wheel.place(placings, world.now_ms)
    sizes: list[int] = []
    run = world.flow.wheel._run

    async def counted(name: str, shard: int, args: list[Any]) -> Any:
        sizes.append(len(args) - 2 if name.endswith("_page") else 0)
        return await run(name, shard, args)

    world.flow.wheel._run = counted

    view = await WheelViewer(world.flow, world.clock).look(world.account_id, lanes=3)

    assert (view.lanes_count, view.depth, len(view.lanes)) == (10_001, 10_001, 3)
    assert view.lanes[0].lane_class == "live", "what is due comes first"
    assert view.reasons == Reasons(ready=1, not_due=10_000)
    assert max(sizes) == PAGE <= 200
    assert len(sizes) < 10_001 / PAGE + 10


async def test_a_count_that_took_long_is_kept_and_a_short_one_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Pages that are renewed every second do not count a million loops each time."""
    counted = 0
    fetch = world.flow.database.fetch

    class Slow:
        takes_s = 0.0

        async def fetch(self, *args: Any) -> Any:
            nonlocal counted
            counted += 1
            world.clock.freeze(self.takes_s)  # type: ignore[attr-defined]
            return await fetch(*args)

    slow = Slow()
    clock = FreezingClock(TUESDAY_2PM)
    monkeypatch.setattr(world, "clock", clock)
    counts = LaneCounts(slow, clock)  # type: ignore[arg-type]
    for _ in range(3):
        await counts.of(world.account_id, world.now_ms)
    assert counted == 3

    slow.takes_s = 5.0
    await asyncio.gather(*(counts.of(world.account_id, world.now_ms) for _ in range(4)))
    assert counted == 4, "who asks while it is counted gets that count"
    clock.freeze(40)
    await counts.of(world.account_id, world.now_ms)
    assert counted == 4
    clock.freeze(20)
    await counts.of(world.account_id, world.now_ms)
    assert counted == 5
