"""Questions asked together: who comes while a group is being answered is in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Grouped(Generic[Asked, Answer]):
    """Alone nobody waits; under load one round trip serves many. `answer` gets at most `most` at once and
    answers each, in order; what it raises is raised to all of the group."""

    def __init__(self, answer: Callable[[list[Asked]], Awaitable[Sequence[Answer]]], most: int) -> None:
        self._answer = answer
        self._most = most
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._work: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many are in no group yet."""
        return len(self._waiting)

    async def ask(self, asked: Asked) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_all())
        return await answer

    async def at_rest(self) -> None:
        """Return when nothing is under way."""
        if self._work is not None:
            await asyncio.wait({self._work})

    async def _answer_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            group = [(asked, answer) for asked, answer in group if not answer.done()]  # who has given up
            try:
                said = await self._answer([asked for asked, _ in group]) if group else []
            except Exception as error:
                for _, answer in group:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), one in zip(group, said, strict=True):
                if not answer.done():
                    answer.set_result(one)
