"""Files that nobody receives any more are ended: their API was killed (I21, F32)."""

from __future__ import annotations

from scheduler.ledger.imports import Counts, advance_import, begin_import
from scheduler.services.imports import SLACK_S, Abandoned
from tests.builders import TUESDAY_2PM, FreezingClock, ScriptedProvider, World
from tests.worlds import OpenWorld

SILENCE_S = 600.0


async def a_file(world: World) -> int:
    """One that is being received: its import."""
    begun = await begin_import(
        world.stores.database, account_id=world.account_id, agent_id=world.agent_id, batch="a batch",
        priority="bulk", throttle="{}", columns=("Phone",), now_ms=world.now_ms,
    )  # fmt: skip
    return begun.import_id


async def came(world: World, import_id: int, bytes_so_far: int) -> None:
    async with world.stores.database.transaction() as on:
        await advance_import(
            world.stores.database, import_id, Counts(rows=2, created=2), (), bytes_so_far, on
        )


async def test_a_file_of_which_nothing_comes_for_long_has_failed(open_world: OpenWorld) -> None:
    clock = FreezingClock(TUESDAY_2PM)
    world = await open_world(provider=ScriptedProvider(), clock=clock)
    service = Abandoned(world.flow, clock, silence_s=SILENCE_S)
    gone, coming = await a_file(world), await a_file(world)
    await came(world, gone, 100)
    await service.step(world.now_ms)

    clock.freeze(SILENCE_S)
    await came(world, coming, 200)
    await service.step(world.now_ms)
    assert await world.value("SELECT count(*) FROM import WHERE status = 'receiving'") == 2

    clock.freeze(SLACK_S)
    await service.step(world.now_ms)

    ended = await world.rows(
        "SELECT import_id, status, rows, bytes, finished_at FROM import ORDER BY import_id"
    )
    assert [(row["import_id"], row["status"]) for row in ended] == [(gone, "failed"), (coming, "receiving")]
    assert (ended[0]["rows"], ended[0]["bytes"]) == (2, 100)
    assert ended[0]["finished_at"] is not None
    assert await world.value("SELECT status FROM batch") == "running"
    [told] = await world.rows("SELECT type, ids FROM news WHERE type = 'import.done'")
    assert told["ids"] == [gone]


async def test_after_a_start_a_file_is_waited_for_as_long_again(open_world: OpenWorld) -> None:
    """Another API may receive it: what went on before this process looked is not known."""
    clock = FreezingClock(TUESDAY_2PM)
    world = await open_world(provider=ScriptedProvider(), clock=clock)
    await a_file(world)
    clock.freeze(10 * SILENCE_S)

    await Abandoned(world.flow, clock, silence_s=SILENCE_S).step(world.now_ms)

    assert await world.value("SELECT status FROM import") == "receiving"


async def test_what_came_in_the_last_moment_counts(open_world: OpenWorld) -> None:
    """The statement names the state that it leaves, to the byte."""
    world = await open_world(provider=ScriptedProvider(), clock=FreezingClock(TUESDAY_2PM))
    import_id = await a_file(world)
    await came(world, import_id, 100)

    ended = await world.stores.database.fetch("import_give_up", import_id, 0, 0, None)

    assert ended == []
    assert await world.value("SELECT status FROM import") == "receiving"
