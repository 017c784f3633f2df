"""Leads in cadences from enrolment to their end, every layer real, on a clock that is moved."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from scheduler.domain.time import DAY, HOUR
from scheduler.ledger.cadences import apply_latest
from scheduler.ledger.instants import to_datetime, to_ms
from tests.builders import EVERYBODY_TALKS, NOBODY_ANSWERS, PHONE, TUESDAY_2PM, World, phones
from tests.worlds import OpenWorld

H, D = 3_600, 86_400


async def play(world: World, on_step: Any = None) -> bool:
    async def nothing() -> None: ...

    return await world.stepper().play(asyncio.Event(), on_step or nothing)


async def test_a_lead_runs_a_cadence_twice_and_goes_over_to_another(open_world: OpenWorld) -> None:
    """MISSION C10, C11, C14: five calls, each after the wait of the step before it, in two loops. What would
    be at eight in the evening comes at nine in the morning."""
    world = await open_world(model=NOBODY_ANSWERS)
    nurture = await world.a_cadence({"name": "still there", "delay_after_s": 7 * D}, name="Nurture")
    done = {"action": "transition", "cadence_id": str(nurture), "delay_s": 7 * D}
    hot = await world.a_cadence(
        {"name": "at once", "delay_after_s": 3 * H}, {"name": "again", "delay_after_s": D},
        name="Hot", runs=2, on_complete=done,
    )  # fmt: skip
    [found] = await world.enrol([PHONE], cadence_id=hot)

    assert await play(world)

    first, second = await world.rows("SELECT * FROM loop ORDER BY loop_id")
    assert first["loop_id"] == found.loop_id
    assert [loop["end_reason"] for loop in (first, second)] == ["transitioned", "cadence_complete"]
    made = await world.rows("SELECT * FROM attempt ORDER BY due_at")
    assert [(row["cadence_id"], row["step"], row["n"]) for row in made] == [
        (hot, 0, 1), (hot, 1, 2), (hot, 0, 3), (hot, 1, 4), (nurture, 0, 1)
    ]  # fmt: skip
    gaps = [to_ms(b["due_at"]) - to_ms(a["dispatched_at"]) for a, b in itertools.pairwise(made)]
    assert [round(gap / HOUR) for gap in gaps] == [3, 24, 16, 8 * 24]
    assert len(list(world.provider.rings)) == 5
    assert (await world.verdict()).clean
    books = await world.books()
    assert (books.ended, books.waiting, books.in_flight) == ({"cadence_complete": 1}, 0, 0)
    assert (await world.calls_on_wheel(), await world.waiting_on_wheel()) == (0, 0)


async def test_who_is_reached_leaves_the_cadence(open_world: OpenWorld) -> None:
    """MISSION P15: converted ends it, whatever steps are left."""
    world = await open_world(model=EVERYBODY_TALKS)
    [found] = await world.enrol([PHONE], cadence_id=await world.a_cadence({"delay_after_s": D}, {}))

    assert await play(world)

    loop = await world.loop(found.loop_id or 0)
    assert (loop["end_reason"], loop["attempts"]) == ("converted", 1)


async def test_after_a_version_is_published_nobody_is_called_by_the_one_before(open_world: OpenWorld) -> None:
    """I10 I20: many leads, on their way when it is published; each goes on from its place to its end."""
    world = await open_world(model=NOBODY_ANSWERS)
    steps = [{"id": number, "delay_after_s": D} for number in range(1, 6)]
    cadence_id = await world.a_cadence(*steps)
    batch_id = await world.a_batch(f'{{"spread_over_s": {16 * H}}}')
    await world.enrol(phones(100), cadence_id=cadence_id, batch_id=batch_id)
    at_ms = 0

    async def publish_then() -> None:
        nonlocal at_ms
        if world.now_ms >= TUESDAY_2PM + DAY + 3 * HOUR and not at_ms:
            at_ms = world.now_ms
            await world.publish(cadence_id, {"steps": [steps[0], steps[2], {"id": 9}]})
            async with world.stores.database.transaction() as on:
                await apply_latest(world.stores.database, on, world.account_id, cadence_id, world.now_ms)

    assert await play(world, publish_then)

    versions = "SELECT DISTINCT cadence_version FROM attempt WHERE armed_at"
    early = await world.rows(f"{versions} <= $1", to_datetime(at_ms))
    late = await world.rows(f"{versions} > $1", to_datetime(at_ms))
    assert [row[0] for row in early] == [1]
    assert [row[0] for row in late] == [2]
    ways = await world.rows(
        "SELECT array_agg(cadence_version || '.' || step ORDER BY n) AS way FROM attempt GROUP BY loop_id"
    )
    assert {tuple(row["way"]) for row in ways} == {
        ("1.0", "1.1", "2.1", "2.2"),  # the second step is gone: its place is behind the first
        ("1.0", "2.1", "2.2"),
        ("2.0", "2.1", "2.2"),
    }
    assert await world.value("SELECT count(*) FROM loop WHERE end_reason = 'cadence_complete'") == 100
    assert (await world.verdict()).clean
