"""Questions asked together: each gets its own answer, none is asked that nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from api import grouped
from api.grouped import Grouped


class Oracle:
    """Doubles numbers, group by group, when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.lets = asyncio.Event()
        self.doubled: Grouped[int, int] = Grouped(self._double, 3)

    async def _double(self, asked: list[int]) -> list[int]:
        self.groups.append(asked)
        await self.lets.wait()
        if 0 in asked:
            raise ValueError("no zero")
        return [2 * each for each in asked]

    def ask(self, *numbers: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.doubled.ask(each)) for each in numbers]


async def test_who_comes_while_a_group_is_answered_is_in_the_next_and_groups_are_bounded():
    oracle = Oracle()
    first = oracle.ask(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = oracle.ask(2, 3, 4, 5)
    await asyncio.sleep(0)
    assert len(oracle.doubled) == 4
    oracle.lets.set()

    assert await asyncio.gather(*first, *others) == [2, 4, 6, 8, 10]
    assert oracle.groups == [[1], [2, 3, 4], [5]]
    await oracle.doubled.at_rest()
    assert len(oracle.doubled) == 0


async def test_what_goes_wrong_is_told_to_all_of_the_group_and_to_nobody_else():
    oracle = Oracle()
    oracle.lets.set()
    asked = oracle.ask(1, 0, 3, 4)

    said = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(each) for each in said] == [ValueError, ValueError, ValueError, int]


async def test_nobody_is_asked_for_who_has_given_up():
    oracle = Oracle()
    first = oracle.ask(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone, stays = oracle.ask(2, 3)
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    oracle.lets.set()

    assert (await first[0], await stays) == (2, 6)
    assert oracle.groups == [[1], [3]]


async def test_who_waits_too_long_is_told_so_and_the_group_goes_on():
    oracle = Oracle()
    asked = [asyncio.create_task(oracle.doubled.ask(each, within_s=0.01)) for each in (1, 2, 3, 4)]

    said = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(each) for each in said] == [TimeoutError] * 4
    later = oracle.ask(5)
    await asyncio.sleep(0)
    oracle.lets.set()
    assert await later[0] == 10
    assert oracle.groups == [[1, 2, 3], [5]]


async def test_a_group_that_is_held_up_is_passed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(grouped, "HELD_UP_S", 0.0)
    held = asyncio.Event()

    async def double(asked: list[int]) -> list[int]:
        if 1 in asked:
            await held.wait()
        return [2 * each for each in asked]

    doubled: Grouped[int, int] = Grouped(double, 3, lines=2)
    first = asyncio.create_task(doubled.ask(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await doubled.ask(2) == 4
    assert await doubled.ask(3) == 6
    assert not first.done()
    held.set()
    assert await first == 2
    await doubled.at_rest()
