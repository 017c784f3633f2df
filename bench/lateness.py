"""`python -m bench lateness`: from due to claimed, and from due to dial, at a steady rate beside what waits.

Every layer is real: leads in Postgres, the wheel in Valkey, one process that runs services and dialer as
`dialwheel up` does, the simulated provider at zero latency. All is scheduled beforehand, so that no writer's
ring wakes the dialer by chance. *Claimed* is when the dialer takes a loop in hand to ask for its permit,
whether it was leased ahead of time or not; *dial* is when the provider is called. Neither may come early.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import uvloop

from api.parts import Stores, dialing_tasks, make_dialing, make_services, open_stores, service_tasks
from bench.cpu import cpu_s
from bench.figures import quantiles_ms
from bench.path import MONDAY_NOON_MS, enrol_backlog
from bench.site import Site, private_site
from dialer.providers.base import Action, MayLeave, PlaceResult, always
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import instant
from scheduler.clock import Clock, ScaledClock
from scheduler.domain.time import MINUTE, SECOND, Ms
from scheduler.ledger.instants import to_datetime
from scheduler.metrics import Metrics
from scheduler.wheel import Placing

LEAD_IN_MS: Ms = 3 * SECOND
"""Between the last write and the first due instant, so that everything is at rest."""

FED_PER_S = 20_000
"""So fast at least does the feeder look through what waits, once, as it starts: it is waited for, or it would
be what the figures show."""


class Timed(SimulatedProvider):
    """Notes how long after its instant each watched number was dialled, in seconds."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(1, instant(), RingLedger(keep=False))
        self._clock = clock
        self.due_ms: dict[str, Ms] = {}
        self.late_s: dict[str, float] = {}
        self.twice = 0

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        for action in actions:
            due_ms = self.due_ms.get(action.to)
            if due_ms is not None and action.number == 1:
                self.twice += action.to in self.late_s
                self.late_s[action.to] = -self._clock.seconds_until(due_ms)
        return await super().place(actions, now_ms, may_leave)


class Kept(Metrics):
    """Keeps what the dialer tells of its claims and its gate."""

    def __init__(self) -> None:
        super().__init__()
        self.late_s: list[float] = []
        self.gaps_s: list[float] = []

    def claimed(self, *lags_s: float) -> None:
        super().claimed(*lags_s)
        self.late_s += lags_s

    def gate_gap(self, seconds: float) -> None:
        super().gate_gap(seconds)
        self.gaps_s.append(seconds)


def run(*, waiting: int, per_s: float, seconds: float) -> dict[str, Any]:
    """`waiting`: what else is on the wheel, due later."""
    with private_site() as site, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(site, waiting, per_s, seconds))


async def _run(site: Site, waiting: int, per_s: float, seconds: float) -> dict[str, Any]:
    clock = ScaledClock(MONDAY_NOON_MS, 1.0)
    jobs = int(per_s * seconds)
    async with open_stores(site.settings, clock, apply_migrations=True) as opened:
        told = Kept()
        stores = replace(opened, metrics=told)
        await enrol_backlog(stores, waiting + jobs)  # the closed places among them stay out
        await _due_later(stores)
        provider = Timed(clock)
        dialing = make_dialing(stores, provider)
        services = make_services(stores, provider.name, provider.find)
        await services.sweeper.step(clock.now_ms())  # builds the wheel
        stop = asyncio.Event()
        tasks = [*service_tasks(stores, services, stop), *dialing_tasks(stores, dialing, stop)]
        await asyncio.sleep(1 + waiting / FED_PER_S)
        used = {name: cpu_s(pid) for name, pid in site.servers.items()}
        provider.due_ms = await _due_soon(stores, jobs, per_s)
        last_ms = max(provider.due_ms.values())
        await asyncio.sleep(clock.seconds_until(last_ms) + 2)
        used = {name: round(cpu_s(pid) - used[name], 2) for name, pid in site.servers.items()}
        stop.set()
        await asyncio.gather(*tasks)
    late_s = list(provider.late_s.values())
    return {
        "bench": "lateness",
        "waiting": waiting,
        "per_s": per_s,
        "due": jobs,
        "claimed": len(told.late_s),
        "dialled": len(late_s),
        "dialled_twice": provider.twice,
        "early": sum(each < 0 for each in [*late_s, *told.late_s]),
        "due_to_claimed_ms": quantiles_ms(told.late_s),
        "due_to_dial_ms": quantiles_ms(late_s),
        "gate_to_send_us": _quantiles_us(told.gaps_s),
        "server_cpu_s": used,
    }


def _quantiles_us(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e6, 1)
        for name, share in shares.items()
        if ordered
    }


async def _due_later(stores: Stores) -> None:
    """What is due now is so in ten to fifty minutes: on the wheel, and out of the way. Where the hours have
    not begun, the loops have later instants already."""
    now_ms = stores.clock.now_ms()
    async with stores.database.connection() as connection:
        await connection.execute(
            "UPDATE loop SET next_at = $1::timestamptz + (loop_id % 2400) * interval '1 second'"
            " WHERE next_at <= $2",
            to_datetime(now_ms + 10 * MINUTE),
            to_datetime(now_ms),
        )
        await connection.execute("VACUUM ANALYZE lead, loop")


async def _due_soon(stores: Stores, jobs: int, per_s: float) -> dict[str, Ms]:
    """The first loops, one after another from soon on; answers when each phone is due."""
    first_ms = stores.clock.now_ms() + LEAD_IN_MS
    gap_ms = SECOND / per_s
    async with stores.database.connection() as connection:
        rows = await connection.fetch(
            "WITH soon AS (SELECT loop_id, row_number() OVER (ORDER BY loop_id) AS n FROM loop"
            " WHERE next_at < $4 ORDER BY loop_id LIMIT $1)"
            " UPDATE loop AS lo SET next_at = $2::timestamptz + floor(s.n * $3::float8) * interval '1 ms'"
            " FROM soon AS s, lead AS le, lane AS la"
            " WHERE lo.loop_id = s.loop_id AND le.lead_id = lo.lead_id AND la.lane_id = lo.lane_id"
            " RETURNING lo.loop_id, lo.lane_id, la.shard, le.phone,"
            " floor(s.n * $3::float8)::bigint AS after_ms",
            jobs,
            to_datetime(first_ms),
            gap_ms,
            to_datetime(first_ms + 50 * MINUTE),
        )
    placings = [
        Placing(row["shard"], row["lane_id"], row["loop_id"], first_ms + row["after_ms"]) for row in rows
    ]
    await stores.flow.place(placings, stores.clock.now_ms())
    if stores.clock.now_ms() >= first_ms:
        raise RuntimeError("placing took longer than the lead-in")
    return {row["phone"]: first_ms + row["after_ms"] for row in rows}
