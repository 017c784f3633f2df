"""F1, F2: dialers as real processes, killed where it hurts; the simulator in this process is the oracle."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.assembly import serving
from api.parts import service_tasks
from api.sim_server import make_sim_app
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import quiet
from scheduler.clock import ScaledClock
from tests.builders import TUESDAY_2PM, World, phones
from tests.worlds import OpenWorld

ROOT = Path(__file__).parents[2]
LEADS = 120
SHORT = {
    "lease_ms": 900, "permit_s": 0.3, "provider_connect_s": 0.5, "provider_total_s": 1.0,
    "unknown_after_s": 1.5, "write_off_s": 3.0, "sweep_s": 0.2, "overdue_s": 0.5, "reap_s": 0.2,
    "claim_batch": 5,
}  # fmt: skip
"""Deadlines as in production, but shorter; the rules between them still hold."""

QUICK_CALLS = quiet(human=0.0, dead=0.0, refused=0.0, fax=0.0, blocked=0.0, time_scale=0.01)


class Dialer:
    """The process under test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, word: str) -> None:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        assert line.decode().strip() == word

    async def kill(self) -> None:
        self._process.kill()
        assert await self._process.wait() == -9, "it was alive until now"


@asynccontextmanager
async def a_dialer(
    world: World, sim_url: str, ledger_url: str, redis_url: str, stall: str = "", stall_after: int = 0
) -> AsyncIterator[Dialer]:
    config = {
        "settings": {**SHORT, "postgres_url": ledger_url, "redis_url": redis_url, "sim_url": sim_url},
        "clock_ms": world.now_ms,
        "stall": stall,
        "stall_after": stall_after,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.dialer_process",
        msgspec.json.encode(config).decode(),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    dialer = Dialer(process)
    try:
        await dialer.says("READY")
        yield dialer
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(holds: Callable[[], Awaitable[Any]], seconds: float = 40) -> None:
    for _ in range(int(seconds / 0.02)):
        if await holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


@pytest.mark.parametrize("seed", [1, 2])
async def test_dialers_killed_at_every_bad_moment_ring_nobody_twice_and_lose_nobody(
    open_world: OpenWorld, ledger_url: str, valkey_url: str, seed: int
) -> None:
    """I1 I2 I12 I14 I15 I16: killed with permits in hand and nothing sent (C4), with everything sent and
    nothing recorded (C7), and twice at a random moment; the next process goes on each time."""
    dice = random.Random(seed)
    provider = SimulatedProvider(seed, QUICK_CALLS, RingLedger())
    clock = ScaledClock(TUESDAY_2PM, 1.0)
    world: World = await open_world(
        provider=provider,
        clock=clock,
        auto_dialer={"strategy": "followup", "max_attempts": 1},
        account={"max_concurrent": 20},
        **SHORT,
    )
    await world.enrol(phones(LEADS))
    stop = asyncio.Event()
    services = service_tasks(world.stores, world.services, stop)
    servers = (ledger_url, valkey_url)
    rings = provider.rings
    async with serving(make_sim_app(provider, clock), "127.0.0.1", 0) as sim_url:
        async with a_dialer(world, sim_url, *servers, stall="armed", stall_after=10) as dialer:
            await dialer.says("STALLED")
            await dialer.kill()
        never_sent = await _without_a_ring(world, rings, "armed")
        assert never_sent, "the kill landed between arm and send"

        async with a_dialer(world, sim_url, *servers, stall="sent", stall_after=10) as dialer:
            await dialer.says("STALLED")
            await dialer.kill()
        sent = await world.value("SELECT count(*) FROM attempt WHERE state = 'armed'")
        assert sent > 0, "the kill landed between send and record"

        for _ in range(2):
            async with a_dialer(world, sim_url, *servers) as dialer:
                enough = rings.total + dice.randrange(1, 15)
                await until(_reached(rings, enough))
                await dialer.kill()

        async with a_dialer(world, sim_url, *servers) as dialer:

            async def over() -> bool:
                books = await world.books()
                return not (books.waiting or books.in_flight)

            await until(over)
            await dialer.kill()
    stop.set()
    await asyncio.gather(*services)

    verdict = await world.verdict()
    assert verdict.clean, verdict.details
    per_phone = Counter(ring.phone for ring in rings)
    assert set(per_phone.values()) == {1}
    books = await world.books()
    assert (books.ended, books.attempts) == ({"max_attempts": LEADS}, LEADS)
    silent = await _without_a_ring(world, rings, "done")
    assert len(per_phone) + len(silent) == LEADS, "who was not rung is known"
    assert set(never_sent) <= set(silent)
    outcomes = "SELECT DISTINCT outcome FROM attempt WHERE attempt_id = ANY($1)"
    assert [row["outcome"] for row in await world.rows(outcomes, silent)] == ["unknown"]


def _reached(rings: RingLedger, total: int) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return rings.total >= total

    return reached


async def _without_a_ring(world: World, rings: RingLedger, state: str) -> list[int]:
    """Attempts in this state whose phone never rang, as the oracle tells."""
    rung = {ring.phone for ring in rings}
    attempts = await world.rows(
        "SELECT a.attempt_id, le.phone FROM attempt AS a JOIN lead AS le USING (lead_id) WHERE state = $1",
        state,
    )
    return [row["attempt_id"] for row in attempts if row["phone"] not in rung]
