"""Even volume: a batch goes out at its pace or spread over open time, and never in a burst (issue 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from statistics import mean, pstdev
from typing import Any
from uuid import uuid4

import msgspec

from api.imports.pipeline import ImportTotals, run_import
from scheduler.domain.model import Priority
from scheduler.flow.batches import change_batch
from scheduler.flow.pause import Scope, pause, resume
from scheduler.flow.throttle import NO_THROTTLE, Throttle
from scheduler.ledger.instants import to_datetime
from scheduler.wheel import Release
from tests.builders import ACTOR, HOUR, MINUTE, SECOND, TUESDAY_2PM, World, phones
from tests.worlds import OpenWorld

EAST = (212, 646, 718, 917, 347, 516, 631, 914, 845, 585, 716, 315, 518, 607, 332, 929, 934)
CENTRAL = (312, 773, 872, 630, 708, 847, 815, 217, 309, 618, 224, 331, 464, 779, 730, 447, 214)
WEST = (213, 310, 323, 415, 408, 510, 619, 714, 818, 626, 650, 707, 805, 831, 858, 909, 916)
THREE_ZONES = tuple(area for trio in zip(EAST, CENTRAL, WEST, strict=True) for area in trio)
ONE_PM = TUESDAY_2PM - HOUR
FINE = {"quantum_s": 0.25, "throttle_burst_s": 0.0}
"""A clock that is moved by less than a token's time: gates let out one at a time."""


async def send(
    world: World, numbers: list[str], throttle: Throttle = NO_THROTTLE, **how: Any
) -> ImportTotals:
    """A file of leads, row by row, into the batch `file`."""

    async def rows() -> AsyncIterator[bytes]:
        yield ("Phone\n" + "\n".join(numbers) + "\n").encode()

    async def report(line: dict[str, Any]) -> None: ...

    settings = msgspec.structs.replace(world.stores.settings, import_workers=0, import_batch_rows=700)
    return await run_import(
        world.flow,
        account_id=world.account_id,
        agent_id=world.agent_id,
        batch="file",
        chunks=rows(),
        clock=world.clock,
        settings=settings,
        report=report,
        throttle=throttle,
        **how,
    )


async def planned_ms(world: World) -> list[tuple[int, int]]:
    """(instant, area code) of everything that waits."""
    rows = await world.rows(
        "SELECT (extract(epoch FROM next_at) * 1000)::bigint AS at, substr(phone, 3, 3)::integer AS area"
        " FROM loop JOIN lead USING (lead_id) WHERE next_at IS NOT NULL ORDER BY next_at"
    )
    return [(row["at"], row["area"]) for row in rows]


async def claims_until(world: World, until_ms: int, *, step_ms: int | None = None) -> list[int]:
    """When the wheel gave out each loop up to then, on a clock that goes where the wheel says or by steps."""
    epoch = await world.flow.wheel.epoch(0)
    given: list[int] = []
    while world.now_ms < until_ms:
        claimed = await world.flow.wheel.claim(
            0, worker="w", claim_id=uuid4().hex, limit=500, now_ms=world.now_ms,
            wall_ms=world.clock.wall_ms(), epoch=epoch,
        )  # fmt: skip
        given += [world.now_ms] * len(claimed.claims)
        await world.flow.wheel.settle(
            releases=[Release(claim, sent=True) for claim in claimed.claims],
            now_ms=world.now_ms,
            wall_ms=world.clock.wall_ms(),
        )
        wake_ms = claimed.wake_at_ms or until_ms
        if step_ms is not None:
            wake_ms = world.now_ms + step_ms
        world.clock.move_to(min(until_ms, max(wake_ms, world.now_ms + (not claimed.claims))))
    return given


def sliding(instants: list[int], window_ms: int) -> int:
    """The most in any window of that length."""
    most = first = 0
    for last, at_ms in enumerate(instants):
        while instants[first] <= at_ms - window_ms:
            first += 1
        most = max(most, last - first + 1)
    return most


def buckets(instants: list[int], from_ms: int, width_ms: int, count: int) -> list[int]:
    found = Counter((at_ms - from_ms) // width_ms for at_ms in instants)
    return [found[number] for number in range(count)]


async def test_a_paced_batch_gives_out_the_same_every_minute(open_world: OpenWorld) -> None:
    """I13 I19: 120 a minute over ten minutes: each minute 120 and one at most, gaps alike."""
    world = await open_world(**FINE)
    await send(world, phones(1300, THREE_ZONES), Throttle(max_per_min=120))

    given = await claims_until(world, TUESDAY_2PM + 10 * MINUTE)

    assert all(119 <= count <= 121 for count in buckets(given, TUESDAY_2PM, MINUTE, 10))
    gaps = [b - a for a, b in pairwise(given)]
    assert pstdev(gaps) / mean(gaps) <= 0.5
    assert sliding(given, SECOND) <= 2 + 1


async def test_a_batch_without_a_pace_is_even_over_the_open_time_of_its_leads(open_world: OpenWorld) -> None:
    """I19: 5 000 leads in three zones over four hours in which all are open: each ten minutes within a tenth
    of the mean, claimed on the real wheel as the feeder brings them."""
    world = await open_world(start_ms=ONE_PM)
    await send(world, phones(5000, THREE_ZONES))
    given: list[int] = []

    for _ in range(24):
        await world.services.feeder.step(world.now_ms)
        given += await claims_until(world, world.now_ms + 10 * MINUTE, step_ms=MINUTE)

    counts = buckets(given, ONE_PM, 10 * MINUTE, 24)
    assert len(given) >= 4970  # the last steps of the clock hand out what came due within them
    assert all(abs(count - mean(counts[1:-1])) <= 0.1 * mean(counts[1:-1]) for count in counts[1:-1])
    assert sliding(given, 10 * MINUTE) <= 1.1 * 5000 / 24


async def test_hours_cut_the_spread_and_each_zone_stays_even_within_its_own(open_world: OpenWorld) -> None:
    """I7 I19: from 17:00 in New York the East has an hour left and goes on in the morning; the West does not
    wait for it."""
    world = await open_world(start_ms=TUESDAY_2PM + 3 * HOUR)
    await send(world, phones(3000, tuple(a for pair in zip(EAST, WEST, strict=True) for a in pair)))

    planned = await planned_ms(world)
    east = [at_ms for at_ms, area in planned if area in EAST]
    west = [at_ms for at_ms, area in planned if area in WEST]

    assert (len(east), len(west)) == (1500, 1500)
    morning_ms = TUESDAY_2PM + 19 * HOUR  # 09:00 in New York
    today = [at_ms for at_ms in east if at_ms < morning_ms]
    assert max(today) <= TUESDAY_2PM + 4 * HOUR - 2 * MINUTE
    assert min(at_ms for at_ms in east if at_ms not in set(today)) >= morning_ms
    for zone, from_ms, tens in ((east, world.now_ms, 5), (east, morning_ms, 18), (west, world.now_ms, 18)):
        counts = buckets(zone, from_ms, 10 * MINUTE, tens)
        assert all(abs(count - 62.5) <= 6.25 for count in counts), counts


async def test_every_first_touch_says_what_spread_it_and_live_leads_go_at_once(open_world: OpenWorld) -> None:
    """MISSION: an attempt answers "why then?"; live leads are never spread."""
    world = await open_world()
    batch_id = await world.a_batch()
    await world.enrol(phones(3), batch_id=batch_id)
    await world.a_due_loop("+12125550199", batch_id=batch_id)

    rows = await world.rows("SELECT why, class FROM loop JOIN lane USING (lane_id) ORDER BY loop_id")

    for row in rows[:3]:
        why = msgspec.json.decode(row["why"])
        assert [line["rule"] for line in why][:2] == ["strategy", "throttle"]
        assert why[1]["detail"] == "spread over 4 h of open time of the batch"
        assert why[0]["to_at"] == why[1]["from_at"] == TUESDAY_2PM
    assert rows[3]["class"] == "live"
    assert "throttle" not in rows[3]["why"]


async def test_the_same_file_twice_changes_no_instant_and_more_of_it_goes_on_evenly(
    open_world: OpenWorld,
) -> None:
    """I21: a row keeps its place in the batch; what a second file adds takes the next places."""
    world = await open_world(start_ms=ONE_PM)
    numbers = phones(1200, THREE_ZONES)
    await send(world, numbers[:600])
    before = await planned_ms(world)

    world.pass_time(MINUTE)
    assert (await send(world, numbers[:600])).unchanged == 600
    assert await planned_ms(world) == before
    assert (await send(world, numbers)).created == 600

    counts = buckets([at_ms for at_ms, _ in await planned_ms(world)], ONE_PM, 30 * MINUTE, 8)
    assert all(abs(count - 150) <= 15 for count in counts), counts


async def test_a_start_puts_off_everybody_and_paced_leads_are_all_due_then(open_world: OpenWorld) -> None:
    """API 4: start_at; the gate paces what is due at once."""
    world = await open_world()
    start = to_datetime(TUESDAY_2PM + HOUR)

    await send(world, phones(20), Throttle(max_per_min=60, start_at=start))

    assert {at_ms for at_ms, _ in await planned_ms(world)} == {TUESDAY_2PM + HOUR}
    why = msgspec.json.decode(await world.value("SELECT why FROM loop LIMIT 1"))
    assert why[1]["detail"] == "the batch starts then"
    assert await world.claim() == []


async def test_after_a_stall_no_second_sees_more_than_the_gate_allows(open_world: OpenWorld) -> None:
    """I13 I19: nobody dials for ten minutes while 1 000 calls come due; then no sliding second passes the
    rate and its burst."""
    world = await open_world(account={"max_dials_per_s": 200.0}, quantum_s=0.25, throttle_burst_s=0.25)
    await world.enrol(phones(1000, THREE_ZONES))
    world.pass_time(10 * MINUTE)

    given = await claims_until(world, world.now_ms + 10 * SECOND, step_ms=20)

    assert len(given) == 1000
    rate, burst = 200, 50
    assert burst <= sliding(given, SECOND) <= rate + burst
    assert sliding(given, 100) <= rate // 10 + burst


async def test_a_resume_spreads_what_a_pause_held_back_live_leads_first(open_world: OpenWorld) -> None:
    """I9 I18 I19: twenty minutes of a batch without a pace, given out over the ten after the resume."""
    world = await open_world(start_ms=ONE_PM, permit_s=0.01)
    await send(world, phones(4800, THREE_ZONES))  # 20 a minute
    batch_id = await world.value("SELECT batch_id FROM batch")
    scope = Scope("batch", world.account_id, batch_id)
    await pause(world.flow, world.clock, scope, reason="try", actor=ACTOR, permit_s=0.01)
    await world.enrol(["+12125550199"], priority=Priority.LIVE, batch_id=batch_id)
    for _ in range(20):
        world.pass_time(MINUTE)
        assert await world.claim() == []
    resumed_ms = world.now_ms

    moved = await resume(world.flow, world.clock, scope, spread_over_s=600, actor=ACTOR)

    assert 390 <= moved <= 402
    [first] = await world.claim(limit=1)
    assert await world.value(
        "SELECT class FROM loop JOIN lane USING (lane_id) WHERE loop_id = $1", first.loop_id
    ) == "live"  # fmt: skip
    given = await claims_until(world, resumed_ms + 12 * MINUTE, step_ms=5 * SECOND)
    counts = buckets(given, resumed_ms, MINUTE, 12)
    assert all(abs(count - 60) <= 6 for count in counts[1:9]), counts  # 20 a minute, and 400 over ten
    assert abs(counts[11] - 20) <= 4
    assert sliding(given, 10 * SECOND) <= 18


async def test_a_paused_agent_holds_its_leads_and_nobody_elses(open_world: OpenWorld) -> None:
    """I9: one function for account, agent and batch."""
    world = await open_world()
    mine = await world.a_due_loop()
    scope = Scope("agent", world.account_id, world.agent_id)
    claims = await world.claim()

    await pause(world.flow, world.clock, scope, reason=None, actor=ACTOR, permit_s=0.01)

    result = await world.arm(claims)
    assert (result.armed, result.reasons) == ([], {"agent_paused": 1})
    await resume(world.flow, world.clock, scope, spread_over_s=0, actor=ACTOR)
    await world.flow.wheel.settle(
        releases=[Release(claim, sent=False) for claim in claims],
        placings=result.placings,
        now_ms=world.now_ms,
        wall_ms=world.clock.wall_ms(),
    )
    assert [claim.loop_id for claim in await world.claim()] == [mine]


async def change(world: World, **throttle: Any) -> None:
    batch_id = await world.value("SELECT batch_id FROM batch")
    await change_batch(
        world.flow,
        account_id=world.account_id,
        batch_id=batch_id,
        name=None,
        throttle=throttle,
        actor=ACTOR,
        now_ms=world.now_ms,
    )


async def test_a_new_pace_is_in_force_at_the_next_claim(open_world: OpenWorld) -> None:
    """I10 I13: from 60 to 240 a minute and down again, while it runs."""
    world = await open_world(**FINE)
    await send(world, phones(1500, THREE_ZONES), Throttle(max_per_min=60))
    given = []

    for pace in (60, 240, 30):
        await change(world, max_per_min=pace)
        given.append(len(await claims_until(world, world.now_ms + 2 * MINUTE)))

    assert [abs(count - 2 * pace) <= 1 for count, pace in zip(given, (60, 240, 30), strict=True)] == [
        True
    ] * 3


async def test_a_pace_that_is_lifted_spreads_what_is_left_and_none_of_it_bursts(
    open_world: OpenWorld,
) -> None:
    """I19: without its gate 1 500 leads due at once would go at once."""
    world = await open_world(start_ms=ONE_PM, **FINE)
    await send(world, phones(1500, THREE_ZONES), Throttle(max_per_min=60))
    assert len(await claims_until(world, ONE_PM + 5 * MINUTE)) == 300

    await change(world, max_per_min=None, spread_over_s=7200)

    assert await world.value("SELECT count(*) FROM loop WHERE held") == 0
    given = await claims_until(world, world.now_ms + HOUR, step_ms=MINUTE)
    counts = buckets(given, ONE_PM + 5 * MINUTE, 10 * MINUTE, 6)
    assert all(abs(count - 125) <= 13 for count in counts[1:]), counts  # claims of before wait again as well
    assert sliding(given, 5 * SECOND) <= 20


async def test_a_start_that_is_moved_later_holds_what_was_due_even_where_the_wheel_hands_it_out(
    open_world: OpenWorld,
) -> None:
    """I10: the arm asks the ledger; what it refuses is planned at the new start."""
    world = await open_world()
    await send(world, phones(10), Throttle(max_per_min=6000))
    claims = await world.claim(limit=2)
    assert len(claims) == 2

    await change(world, start_at=to_datetime(TUESDAY_2PM + 30 * MINUTE))

    assert (await world.arm(claims)).armed == []
    assert await world.claim() == []
    assert {at_ms for at_ms, _ in await planned_ms(world)} == {TUESDAY_2PM + 30 * MINUTE}


async def test_a_lead_planned_before_its_batch_moved_is_refused_by_the_arm(open_world: OpenWorld) -> None:
    """I10: a claim races the change: the ledger knows the start before any loop is moved."""
    world = await open_world()
    batch_id = await world.a_batch()
    loop_id = await world.a_due_loop(batch_id=batch_id)
    start_ms = TUESDAY_2PM + 30 * MINUTE
    await world.run(
        "UPDATE batch SET throttle = json_build_object('start_at', $1::timestamptz)", to_datetime(start_ms)
    )

    result = await world.arm([await world.claim_of(loop_id)])

    assert (result.armed, result.reasons) == ([], {"outdated": 1})
    assert [placing.due_at_ms for placing in result.placings] == [start_ms]
