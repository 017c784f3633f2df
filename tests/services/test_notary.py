"""The notary: one chain for an account, whoever writes it (MISSION, "Proof per attempt")."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.flow import records
from scheduler.flow.record_check import verify
from scheduler.ledger import news
from scheduler.public_ids import PublicIds
from scheduler.services.notary import Notary
from tests.builders import TUESDAY_2PM, World, an_end, phones
from tests.worlds import OpenWorld


def ids_of(world: World) -> PublicIds:
    return PublicIds(world.stores.installation.id_key)


def notary_of(world: World) -> Notary:
    return Notary(world.flow, ids_of(world), period_s=1)


async def some_calls(world: World, count: int) -> None:
    for number in phones(count):
        armed = await world.an_armed_attempt(number)
        await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "busy"))
    await news.number(world.stores.database, most=1000)


async def chain(world: World) -> tuple[int, int]:
    """How many links, and how many faults."""
    [verdict] = await verify(world.flow, ids_of(world))
    return verdict.links, len(verdict.faults)


async def test_several_that_write_at_once_write_one_chain_without_a_hole(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "AT_ONCE", 3)
    one, other = await open_world(), await open_world()
    await some_calls(one, 15)

    await asyncio.gather(*(notary_of(world).step(one.now_ms) for world in (one, other, one, other)))

    assert await chain(one) == (15, 0)


async def test_one_that_breaks_off_leaves_nothing_half_done_and_another_goes_on(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await open_world()
    await some_calls(world, 5)
    kept = records.add_links

    async def breaks_off(*arguments: object) -> None:
        await kept(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("the process was killed")

    monkeypatch.setattr(records, "add_links", breaks_off)
    with pytest.raises(RuntimeError):
        await notary_of(world).step(world.now_ms)
    assert await world.value("SELECT count(*) FROM attempt_record") == 0

    monkeypatch.setattr(records, "add_links", kept)
    await notary_of(world).step(world.now_ms)

    assert await chain(world) == (5, 0)


async def test_a_step_with_nothing_to_do_writes_nothing(open_world: OpenWorld) -> None:
    world = await open_world()
    await some_calls(world, 2)
    notary = notary_of(world)
    await notary.step(world.now_ms)
    before = await world.row("SELECT xmin::text, number FROM record_head")

    await notary.step(world.now_ms)

    assert tuple(await world.row("SELECT xmin::text, number FROM record_head")) == tuple(before)
    assert before["number"] == 2
