"""The circuit breaker of trunks and agents: where nothing gets through, nothing is tried, but for one call in
a while. What fails there is nobody's second error, and burns no attempt.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress

import msgspec
import structlog

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.metrics import Metrics

log = structlog.get_logger()

PERIOD_S = 1.0


class Told(msgspec.Struct):
    """What the calls of a lane, or of a gate, came to."""

    through: int = 0
    failed: int = 0
    reason: str = ""

    def add(self, other: Told) -> None:
        self.through += other.through
        self.failed += other.failed
        self.reason = other.reason or self.reason


class Breakers:
    """Counts what this dialer's calls came to at the gate of their trunk, or of their agent without one.

    `failures` within `window_s`, and as many as got through, open the breaker: the ledger keeps that, so that
    a rebuilt wheel does, and the gate is shut. Every `probe_s` one call is let through, whoever makes it;
    when one gets through the gate is as it was. Each process sees its own calls and everybody's breakers.
    """

    def __init__(
        self,
        flow: Flow,
        clock: Clock,
        metrics: Metrics,
        *,
        failures: int,
        window_s: float,
        probe_s: float,
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._metrics = metrics
        self._failures = failures
        self._window_ms = int(window_s * SECOND)
        self._probe_ms = int(probe_s * SECOND)
        self._wake = asyncio.Event()
        self._tells_at_once = False
        self._news: dict[int, Told] = defaultdict(Told)
        self._windows: dict[str, deque[tuple[Ms, Told]]] = defaultdict(deque)

    def got_through(self, lane_id: int) -> None:
        """A call of that lane was taken."""
        self._news[lane_id].through += 1

    def failed(self, lane_id: int, reason: str) -> None:
        """One was not, or nobody knows; the reason is no fault of the number's."""
        told = self._news[lane_id]
        told.failed += 1
        told.reason = reason
        if self._tells_at_once or told.failed >= self._failures:
            self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Step every second, and as soon as it matters, until `stop` is set."""
        stopped = asyncio.create_task(stop.wait())
        stopped.add_done_callback(lambda _: self._wake.set())
        failing = False
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    await self.step(self._clock.now_ms())
                    failing = False
                except DialwheelError as error:
                    if not failing:
                        log.warning("breakers_not_asked", why=error.what)
                    failing = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD_S):
                        await (stop if failing else self._wake).wait()
        finally:
            stopped.cancel()

    async def step(self, now_ms: Ms) -> None:
        """Open, try, close. Raises ServerUnavailable; what was told meanwhile is not forgotten."""
        told = await self._by_gate()
        rows = await self._flow.database.fetch("breaker_all")
        broken = {f"{row['kind']}:{row['id']}": row for row in rows}
        for gate, (account_id, news) in told.items():
            if gate in broken:
                await self._tried(gate, broken[gate], news, now_ms)
            elif self._is_broken(gate, news, now_ms):
                await self._open(gate, account_id, news.reason, now_ms)
        if any(to_ms(row["probe_at"]) <= now_ms for row in rows):
            await self._probe(now_ms)
        self._tells_at_once = bool(broken)
        self._metrics.breakers_open(len(broken))

    async def _by_gate(self) -> dict[str, tuple[int, Told]]:
        """The news by gate, with the account."""
        if not self._news:
            return {}
        rows = await self._flow.database.fetch("breaker_gates", list(self._news))
        news, self._news = self._news, defaultdict(Told)
        told: dict[str, tuple[int, Told]] = {}
        for row in rows:
            gate = f"t:{row['trunk_id']}" if row["trunk_id"] else f"g:{row['agent_id']}"
            told.setdefault(gate, (row["account_id"], Told()))[1].add(news[row["lane_id"]])
        return told

    def _is_broken(self, gate: str, news: Told, now_ms: Ms) -> bool:
        window = self._windows[gate]
        window.append((now_ms, news))
        while window[0][0] < now_ms - self._window_ms:
            window.popleft()
        failed = sum(each.failed for _, each in window)
        return failed >= self._failures and failed >= sum(each.through for _, each in window)

    async def _open(self, gate: str, account_id: int, reason: str, now_ms: Ms) -> None:
        self._windows.pop(gate, None)
        kind, number = _parts(gate)
        await self._flow.database.execute(
            "breaker_open", kind, number, account_id, reason, to_datetime(now_ms),
            to_datetime(now_ms + self._probe_ms),
        )  # fmt: skip
        log.error("breaker_opened", gate=gate, why=reason)
        await self._shape(gate, now_ms)

    async def _tried(self, gate: str, row: Row, news: Told, now_ms: Ms) -> None:
        """What came of a call that was let through; before the first one it is only a straggler."""
        if to_ms(row["probe_at"]) <= to_ms(row["opened_at"]) + self._probe_ms:
            return
        if news.through and not news.failed:
            kind, number = _parts(gate)
            await self._flow.database.execute("breaker_close", kind, number, to_datetime(now_ms))
            log.info("breaker_closed", gate=gate, open_ms=now_ms - to_ms(row["opened_at"]))
        await self._shape(gate, now_ms)

    async def _probe(self, now_ms: Ms) -> None:
        """Let one call through each gate whose time it is; of several processes only one does."""
        rows = await self._flow.database.fetch(
            "breaker_probe", to_datetime(now_ms), to_datetime(now_ms + self._probe_ms)
        )
        for row in rows:
            await self._shape(f"{row['kind']}:{row['id']}", now_ms, let_through=1)

    async def _shape(self, gate: str, now_ms: Ms, let_through: int | None = None) -> None:
        kind, number = _parts(gate)
        which: Mapping[str, list[int]] = {"trunks" if kind == "t" else "agents": [number]}
        await self._flow.lanes.gates.shape(now_ms, let_through=let_through, **which)


def _parts(gate: str) -> tuple[str, int]:
    kind, _, number = gate.partition(":")
    return kind, int(number)
