"""The one life-cycle of everything that runs for as long as the process does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError

log = structlog.get_logger()


class Service(Protocol):
    """Work that comes round every `period_s` of the Clock. A step may be run by hand at any time, by several
    processes at once, and does nothing where nothing is to be done."""

    name: str
    period_s: float

    async def step(self, now_ms: Ms) -> None: ...


async def run_service(
    service: Service,
    clock: Clock,
    stop: asyncio.Event,
    *,
    least_s: float = 0.2,
    may_step: Callable[[], bool] = lambda: True,
) -> None:
    """Step until `stop` is set, on the Clock's period but not more often than every `least_s` real seconds.
    A store that is away is reported once and tried again. While `may_step` says no, nothing is done."""
    failing = False
    while not stop.is_set():
        started_ms = clock.now_ms()
        try:
            if may_step():
                await service.step(started_ms)
        except DialwheelError as error:
            if not failing:
                log.warning("service_failed", service=service.name, why=error.what)
            failing = True
        else:
            if failing:
                log.info("service_recovered", service=service.name)
            failing = False
        wait_s = max(least_s, service.period_s / clock.speed) if clock.speed else least_s
        wait_s = min(wait_s, clock.patience_s)
        try:
            await asyncio.wait_for(stop.wait(), wait_s)
        except TimeoutError:
            continue
