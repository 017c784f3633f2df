"""The clock probe: our wall time against that of every server, for they judge leases, hours and look-ups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import combinations

import msgspec
import structlog

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.ledger.checks import ledger_facts
from scheduler.metrics import Metrics

log = structlog.get_logger()


class Reading(msgspec.Struct, frozen=True):
    """A clock that is `ahead_ms` of ours, give or take `error_ms`: half of the time that asking took."""

    name: str
    ahead_ms: float
    error_ms: float


class ClockProbe:
    """Compares the clocks every `period_s`. Any two that are surely more than `alarm_ms` apart are an alarm;
    beyond `stop_ms` nothing may be armed, from the probe that finds it to the one that finds it mended. Nor
    when our own wall time has been set by as much, until it was compared with another.

    A server that does not answer says nothing about its clock.
    """

    name = "clock_probe"

    def __init__(
        self,
        flow: Flow,
        clock: Clock,
        metrics: Metrics,
        *,
        period_s: float,
        alarm_ms: Ms,
        stop_ms: Ms,
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._metrics = metrics
        self.period_s = period_s
        self._alarm_ms = alarm_ms
        self._stop_ms = stop_ms
        self._apart_ms = 0.0
        self._between = ""
        self._last: tuple[Ms, float] | None = None

    def may_arm(self) -> bool:
        return self._apart_ms <= self._stop_ms and abs(self._stepped_ms()) <= self._stop_ms

    @property
    def said(self) -> str:
        """What a person is told: how far apart, and which."""
        if abs(self._stepped_ms()) > self._stop_ms:
            return "the clock of this process was set just now"
        if self._apart_ms <= self._alarm_ms:
            return f"within {self._alarm_ms} ms of each other"
        return f"{self._between} are {self._apart_ms:.0f} ms apart: set the machines by NTP"

    async def step(self, now_ms: Ms) -> None:
        self._tell_step()
        began = (self._clock.wall_ms(), self._clock.monotonic_s())
        readings = [Reading("ours", 0.0, 0.0)]
        readings += await self._read("Postgres", self._postgres_ms)
        for shard in range(self._flow.wheel.shards):
            name = "the wheel" if self._flow.wheel.shards == 1 else f"shard {shard}"
            readings += await self._read(name, partial(self._flow.wheel.server_time_ms, shard))
        pairs = [_apart(one, other) for one, other in combinations(readings, 2)]
        self._judge(*max(pairs, default=(0.0, "")))
        if pairs or self._last is None:
            self._last = began  # not before: a clock that was set is trusted when others were asked

    async def _read(self, name: str, ask: Callable[[], Awaitable[Ms]]) -> list[Reading]:
        before_s, before_ms = self._clock.monotonic_s(), self._clock.wall_ms()
        try:
            theirs_ms = await ask()
        except DialwheelError:
            return []
        half_ms = (self._clock.monotonic_s() - before_s) * SECOND / 2
        return [Reading(name, theirs_ms - before_ms - half_ms, half_ms + 1)]

    async def _postgres_ms(self) -> Ms:
        return (await ledger_facts(self._flow.database)).now_ms

    def _judge(self, apart_ms: float, between: str) -> None:
        could = self.may_arm()
        self._apart_ms, self._between = max(0.0, apart_ms), between
        self._metrics.clock_skew(self._apart_ms / SECOND)
        if could and not self.may_arm():
            log.error("arming_stopped", why="clocks", between=between, apart_ms=round(apart_ms))
        elif self.may_arm() and not could:
            log.info("arming_resumed", why="clocks")
        elif apart_ms > self._alarm_ms:
            log.warning("clocks_apart", between=between, apart_ms=round(apart_ms))

    def _tell_step(self) -> None:
        """Permits in hand are void after one by their own gate."""
        by_ms = self._stepped_ms()
        if abs(by_ms) > self._stop_ms:
            log.warning("wall_time_stepped", by_ms=round(by_ms))

    def _stepped_ms(self) -> float:
        """By how much wall time moved otherwise than monotonic time did since the last comparison: it was
        set, or the machine was paused. Work claimed meanwhile would be leased and paced by a wrong clock."""
        if self._last is None:
            return 0.0
        wall_ms, monotonic_s = self._last
        return self._clock.wall_ms() - wall_ms - (self._clock.monotonic_s() - monotonic_s) * SECOND


def _apart(one: Reading, other: Reading) -> tuple[float, str]:
    """How far apart two clocks are at least, and their names."""
    apart_ms = abs(one.ahead_ms - other.ahead_ms) - one.error_ms - other.error_ms
    return apart_ms, f"the clocks of {one.name} and {other.name}".replace("of ours", "of this process")
