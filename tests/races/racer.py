"""One dial against what forbids it, and what every kind of race is made of."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from scheduler.domain.time import Ms
from scheduler.flow.batches import create_batch
from scheduler.flow.throttle import Throttle
from tests.builders import ACTOR
from tests.races.stage import Arrival, Site, Stage

REASON = {"reason": "asked to"}


@dataclass
class Racer:
    """One dial against what forbids it. Instants are monotonic seconds; `acked_ms` is on the Clock.

    From `acked_s` to `until_s` no call may arrive that `forbids` names. `asked` is False where nobody was
    asked and `acked_s` is an instant that was known before.
    """

    loop_id: int
    offset_ms: int
    asked_s: float
    acked_s: float
    acked_ms: Ms
    until_s: float = math.inf
    forbids: Callable[[Arrival], bool] = lambda arrival: True
    asked: bool = True


class Kind(Protocol):
    def __init__(self, stage: Stage) -> None: ...

    async def round(self, offsets: list[int]) -> list[Racer]:
        """One racer for each offset."""
        ...


class Due:
    """When the leads of a round are due: late enough to have them all in the ledger before."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._took_ms = 150.0

    async def enrol(self, enrolments: Callable[[Ms], list[Coroutine[Any, Any, Any]]]) -> tuple[Ms, list[Any]]:
        began_ms = self._stage.clock.now_ms()
        due_ms = began_ms + 150 + int(1.5 * self._took_ms)
        done = await asyncio.gather(*enrolments(due_ms))
        self._took_ms = max(50.0, 0.7 * self._took_ms, float(self._stage.clock.now_ms() - began_ms))
        return due_ms, done


async def ask(
    stage: Stage, site: Site, loop_id: int, due_ms: Ms, offset_ms: int, request: tuple[str, str, Any]
) -> Racer:
    await stage.until(due_ms + offset_ms)
    asked_s = time.monotonic()
    acked_s = await stage.ask(site, *request)
    return Racer(loop_id, offset_ms, asked_s, acked_s, stage.clock.now_ms())


async def a_batch(stage: Stage, site: Site, name: str) -> int:
    return await create_batch(
        stage.stores.flow, account_id=site.account_id, agent_id=site.agent_id, name=name, priority="live",
        throttle=Throttle(), actor=ACTOR, now_ms=stage.clock.now_ms(),
    )  # fmt: skip
