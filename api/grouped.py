"""Questions asked together: who comes while a group is being answered is in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from math import inf
from typing import Generic, TypeVar

HELD_UP_S = 0.2
"""A group that takes longer is held up, by a lock that somebody else has: others pass it."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Waiting(Generic[Asked, Answer]):
    __slots__ = ("answer", "asked", "until_s")

    def __init__(self, asked: Asked, answer: asyncio.Future[Answer], until_s: float) -> None:
        self.asked = asked
        self.answer = answer
        self.until_s = until_s


class Grouped(Generic[Asked, Answer]):
    """Alone nobody waits; under load one round trip serves many. `answer` gets at most `most` at once and
    answers each, in order; what it raises is raised to all of the group. `pause_s`: after a group the next
    waits so long for company. Else who comes first would go alone, and all others wait for that. `lines`: so
    many groups may be under way, where one is held up."""

    def __init__(
        self,
        answer: Callable[[list[Asked]], Awaitable[Sequence[Answer]]],
        most: int,
        *,
        pause_s: float = 0.0,
        lines: int = 1,
    ) -> None:
        self._answer = answer
        self._most = most
        self._pause_s = pause_s
        self._lines = lines
        self._waiting: list[_Waiting[Asked, Answer]] = []
        self._groups: list[list[_Waiting[Asked, Answer]]] = []
        self._work: set[asyncio.Task[None]] = set()
        self._moved_s = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many are in no group yet."""
        return len(self._waiting)

    async def ask(self, asked: Asked, *, within_s: float = inf) -> Answer:
        """Raises TimeoutError when it takes longer, give or take an eighth: one timer serves all that wait.
        Its group goes on."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        now_s = loop.time()
        self._waiting.append(_Waiting(asked, answer, now_s + within_s))
        self._begin(loop, now_s)
        if self._watch is None and within_s < inf:
            self._watch = loop.call_later(within_s / 8, self._look, loop, within_s / 8)
        return await answer

    async def at_rest(self) -> None:
        """Return when nothing is under way."""
        if self._work:
            await asyncio.wait(self._work)

    def _begin(self, loop: asyncio.AbstractEventLoop, now_s: float) -> None:
        """A line, where there is none or those that there are do not get on."""
        if not self._work or (len(self._work) < self._lines and now_s - self._moved_s >= HELD_UP_S):
            self._moved_s = now_s
            self._work.add(loop.create_task(self._work_off()))

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._answer_group()
        finally:  # in the turn that saw nobody waiting: who comes next begins a line
            self._work.discard(asyncio.current_task())

    async def _answer_group(self) -> None:
        self._moved_s = asyncio.get_running_loop().time()
        group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        group = [each for each in group if not each.answer.done()]  # who has given up
        self._groups.append(group)
        try:
            said = await self._answer([each.asked for each in group]) if group else []
        except Exception as error:
            for each in group:
                if not each.answer.done():
                    each.answer.set_exception(error)
            return
        finally:
            self._groups.remove(group)
        for each, one in zip(group, said, strict=True):
            if not each.answer.done():
                each.answer.set_result(one)
        if len(group) > 1:
            await asyncio.sleep(self._pause_s)

    def _look(self, loop: asyncio.AbstractEventLoop, pause_s: float) -> None:
        """Who has waited too long is told so; who waits behind one that is held up need not."""
        now_s = loop.time()
        for each in chain(*self._groups, self._waiting):
            if each.until_s <= now_s and not each.answer.done():
                each.answer.set_exception(TimeoutError())
        self._waiting = [each for each in self._waiting if not each.answer.done()]
        if self._waiting:
            self._begin(loop, now_s)
        busy = self._groups or self._waiting
        self._watch = loop.call_later(pause_s, self._look, loop, pause_s) if busy else None
