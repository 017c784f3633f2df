"""Questions asked together: who comes while a group is being answered is in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from math import inf
from typing import Generic, TypeVar

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
    waits so long for company. Else who comes first would go alone, and all others wait for that."""

    def __init__(
        self,
        answer: Callable[[list[Asked]], Awaitable[Sequence[Answer]]],
        most: int,
        *,
        pause_s: float = 0.0,
    ) -> None:
        self._answer = answer
        self._most = most
        self._pause_s = pause_s
        self._waiting: list[_Waiting[Asked, Answer]] = []
        self._group: list[_Waiting[Asked, Answer]] = []
        self._work: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many are in no group yet."""
        return len(self._waiting)

    async def ask(self, asked: Asked, *, within_s: float = inf) -> Answer:
        """Raises TimeoutError when it takes longer, give or take an eighth: one timer serves all that wait.
        Its group goes on."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(asked, answer, loop.time() + within_s))
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._answer_all())
        if self._watch is None and within_s < inf:
            self._watch = loop.call_later(within_s / 8, self._give_up, loop, within_s / 8)
        return await answer

    async def at_rest(self) -> None:
        """Return when nothing is under way."""
        if self._work is not None:
            await asyncio.wait({self._work})

    async def _answer_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            group = self._group = [each for each in group if not each.answer.done()]  # who has given up
            try:
                said = await self._answer([each.asked for each in group]) if group else []
            except Exception as error:
                for each in group:
                    if not each.answer.done():
                        each.answer.set_exception(error)
                continue
            for each, one in zip(group, said, strict=True):
                if not each.answer.done():
                    each.answer.set_result(one)
            if len(group) > 1:
                await asyncio.sleep(self._pause_s)
        self._group = []

    def _give_up(self, loop: asyncio.AbstractEventLoop, pause_s: float) -> None:
        now_s = loop.time()
        for each in chain(self._group, self._waiting):
            if each.until_s <= now_s and not each.answer.done():
                each.answer.set_exception(TimeoutError())
        self._waiting = [each for each in self._waiting if not each.answer.done()]
        busy = self._group or self._waiting
        self._watch = loop.call_later(pause_s, self._give_up, loop, pause_s) if busy else None
