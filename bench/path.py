"""`python -m bench path`: attempts per second from waiting to settled, every layer real.

Leads wait on the wheel, are claimed, armed in Postgres with durable commits, sent to the simulated provider
at zero latency, and settled with their next plan; who is about to be called is put down in the journal. What
is counted is settled in the ledger.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any

import uvloop

from api.parts import (
    Stores,
    Witnessing,
    dialing_tasks,
    make_dialing,
    make_services,
    open_stores,
    open_witness,
)
from bench.cpu import cpu_s
from bench.fiction import phones
from bench.site import Site, private_site
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import instant
from scheduler.clock import ScaledClock
from scheduler.domain.numbers import place_of
from scheduler.domain.time import Ms
from scheduler.flow.enrol import enrol
from scheduler.flow.entries import Entry
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.imports import begin_import
from scheduler.ledger.instants import to_datetime

MONDAY_NOON_MS: Ms = 1_795_453_200_000
"""Monday 23 November 2026, 12:00 in New York: open in every zone of the states but Hawaii's and Alaska's."""

MOST_A_ACCOUNT = 30_000
"""Fewer than there are fictional numbers: some are left for live leads."""

NO_CAPS = ({"max": 100, "window_s": 86_400},)
ALL_WEEK = {
    day: {"enabled": True, "ranges": [{"start": "00:00", "end": "24:00"}]}
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
}


def run(leads: int, *, claim_batch: int, lines: int, profile: bool) -> dict[str, Any]:
    """One run in a temporary folder; `profile` adds where this process spent its time (and slows it)."""
    with (
        private_site(claim_batch=claim_batch, dial_lines=lines) as site,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(site, leads, profile))


async def _run(site: Site, leads: int, profile: bool) -> dict[str, Any]:
    settings, servers = site
    clock = ScaledClock(MONDAY_NOON_MS, 1.0)
    async with open_stores(settings, clock, apply_migrations=True) as stores, open_witness(stores) as seen:
        await enrol_backlog(stores, leads)
        due = await put_on_wheel(stores)
        profiler = cProfile.Profile()
        began_s, used_s = time.monotonic(), time.process_time()
        used = {name: cpu_s(pid) for name, pid in servers.items()}
        if profile:
            profiler.enable()
        async with all_settled(stores, seen, due):
            elapsed_s, used_s = time.monotonic() - began_s, time.process_time() - used_s
            used = {"dialer": used_s} | {name: cpu_s(pid) - used[name] for name, pid in servers.items()}
            profiler.disable()
            settled = await _done(stores)
        result = {
            "bench": "path",
            "leads": leads,
            "settled": settled,
            "elapsed_s": round(elapsed_s, 3),
            "attempts_per_s": round(settled / elapsed_s),
            "cpu_us_per_attempt": {name: round(s / settled * 1e6, 1) for name, s in used.items()},
            "claim_batch": settings.claim_batch,
            "dial_lines": settings.dial_lines,
        }
        if profile:
            result["profile"] = _hot_spots(profiler)
        return result


async def put_on_wheel(stores: Stores) -> int:
    """Answers how many first calls are due."""
    services = make_services(stores, SimulatedProvider.name)
    await services.sweeper.step(stores.clock.now_ms())
    return await _due(stores)


@asynccontextmanager
async def all_settled(stores: Stores, witnessing: Witnessing | None, due: int) -> AsyncIterator[None]:
    """Dial until as many attempts are settled as are due; the dialer ends afterwards."""
    provider = SimulatedProvider(1, instant(), RingLedger(keep=False))
    stop = asyncio.Event()
    tasks = dialing_tasks(stores, make_dialing(stores, provider, witnessing=witnessing), stop)
    try:
        await _until_settled(stores, due)
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def enrol_backlog(stores: Stores, leads: int, *, dials_per_s: float | None = None) -> list[int]:
    """Bulk leads due at once, a batch each under several accounts where one account's fictional numbers do
    not suffice. Answers the accounts; `dials_per_s` is the pace of all the batches together."""
    now_ms = stores.clock.now_ms()
    accounts = -(-leads // MOST_A_ACCOUNT)
    left = leads
    made: list[int] = []
    while left:
        count = min(left, MOST_A_ACCOUNT)
        account_id = await create_account(
            stores.database,
            name=f"bench {len(made)}",
            now_ms=now_ms,
            windows=ALL_WEEK,
            frequency_caps=NO_CAPS,
        )
        made.append(account_id)
        agent_id = await create_agent(
            stores.database,
            account_id=account_id,
            name="bench",
            voice="human",
            auto_dialer={"strategy": "followup"},
            now_ms=now_ms,
        )
        pace = None if dials_per_s is None else dials_per_s * 60 / accounts
        begun = await begin_import(
            stores.database,
            account_id=account_id,
            agent_id=agent_id,
            batch="backlog",
            priority="bulk",
            throttle='{"spread_over_s": 0}' if pace is None else f'{{"max_per_min": {pace}}}',
            columns=(),
            now_ms=now_ms,
        )
        entries = [Entry(phone, place_of(phone)) for phone, _ in zip(phones(), range(count), strict=False)]
        for start in range(0, count, 5000):
            await enrol(
                stores.flow,
                account_id=account_id,
                agent_id=agent_id,
                batch_id=begun.batch_id,
                entries=entries[start : start + 5000],
                now_ms=now_ms,
            )
        left -= count
    return made


async def _due(stores: Stores) -> int:
    async with stores.database.connection() as connection:
        await connection.execute("VACUUM ANALYZE lead, loop")
        return await connection.fetchval(
            "SELECT count(*) FROM loop WHERE next_at <= $1 AND attempts = 0",
            to_datetime(stores.clock.now_ms()),
        )


async def _until_settled(stores: Stores, due: int) -> None:
    """Wait until as many attempts as were due are settled, by the recorder's own count."""
    while _counted(stores) < due:  # noqa: ASYNC110 - the recorder is not made slower for a benchmark
        await asyncio.sleep(0.02)


def _counted(stores: Stores) -> float:
    return sum(
        sample.value
        for metric in stores.metrics.registry.collect()
        if metric.name == "dialwheel_attempts"
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


async def _done(stores: Stores) -> int:
    async with stores.database.connection() as connection:
        return await connection.fetchval("SELECT count(*) FROM attempt WHERE state = 'done'")


def _hot_spots(profiler: cProfile.Profile) -> list[str]:
    text = StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(30)
    return [_without_folders(line) for line in text.getvalue().splitlines() if line.strip()]


def _without_folders(line: str) -> str:
    """Paths from the package on: where this machine keeps them is nobody's business."""
    packages = "asyncpg|redis|prometheus_client|asyncio|scheduler|dialer|api|bench"
    return re.sub(r"(?<![\w/])/\S*/", "", re.sub(rf"/\S*?/(?=({packages})/)", "", line))
