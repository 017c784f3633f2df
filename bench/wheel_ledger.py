"""What the wheel's figures need the ledger for: a lost wheel built anew, and a real dialer at rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from api.parts import Stores, dialing_tasks, make_dialing, open_stores
from bench.fiction import area_codes
from bench.wheel_bed import NOON_MS, Bed
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import instant
from scheduler.clock import ScaledClock
from scheduler.domain.numbers import place_of
from scheduler.domain.time import HOUR
from scheduler.flow.lanes import LaneKey
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.imports import begin_import
from scheduler.ledger.instants import to_datetime
from scheduler.services.rebuild import rebuild
from scheduler.settings import Settings
from scheduler.wheel import Gate, Lane, Placing

PLACES = 50
"""A batch over the states: lanes of one agent and batch by place."""

LEADS = """
INSERT INTO lead (lead_id, account_id, phone, place_id, priority, created_at, updated_at)
OVERRIDING SYSTEM VALUE
SELECT n, $1, '+1' || (5550000000 + n), $2, 'bulk', $3, $3
FROM generate_series(1, $4::bigint) AS n
"""
FILL = """
INSERT INTO loop (lead_id, account_id, agent_id, batch_id, status, lane_id, next_at, open_until, next_kind,
                  next_step, next_channel, policy_version, lead_version, started_at)
SELECT n, $1, $2, $3, 'scheduled', ($4::bigint[])[1 + n % $5],
       t.start + floor(random() * $7) * interval '1 ms', t.start + interval '9 hours',
       'first', 0, 'call', 1, 1, t.start
FROM generate_series(1, $8::bigint) AS n, (SELECT $6::timestamptz AS start) AS t
"""


@asynccontextmanager
async def installation(settings: Settings) -> AsyncIterator[Stores]:
    """An installation with nothing in it, on a clock that runs as real time does."""
    clock = ScaledClock(NOON_MS, 1.0)
    async with open_stores(settings, clock, apply_migrations=True) as stores:
        yield stores


async def fill(stores: Stores, loops: int) -> None:
    """Loops of one batch that come due within the hour, as enrolment writes them, and their leads."""
    now_ms = stores.clock.now_ms()
    account_id = await create_account(stores.database, name="bench", now_ms=now_ms)
    agent_id = await create_agent(
        stores.database,
        account_id=account_id,
        name="bench",
        auto_dialer={"strategy": "followup"},
        now_ms=now_ms,
    )
    begun = await begin_import(
        stores.database,
        account_id=account_id,
        agent_id=agent_id,
        batch="bench",
        priority="bulk",
        throttle="{}",
        columns=(),
        now_ms=now_ms,
    )
    places = list(dict.fromkeys(place_of(f"+1{area}5550100") for area in area_codes()))[:PLACES]
    place_ids = await stores.flow.places.ids_of(places)
    keys = [LaneKey(agent_id, "bulk", begun.batch_id, place_id) for place_id in place_ids.values()]
    lanes = [ref.lane_id for ref in (await stores.flow.lanes.ensure(keys, now_ms)).values()]
    span_ms = min(HOUR, stores.flow.horizon_ms)
    async with stores.database.connection() as connection:
        start = to_datetime(now_ms)
        await connection.execute(LEADS, account_id, min(place_ids.values()), start, loops, timeout=300)
        await connection.execute(
            FILL, account_id, agent_id, begun.batch_id, lanes, len(lanes), start, span_ms, loops, timeout=300
        )
        await connection.execute("VACUUM ANALYZE loop, lane", timeout=300)


async def rebuild_s(stores: Stores, bed: Bed, loops: int) -> float:
    """Seconds from a server that has lost everything to an open epoch, all the loops waiting again."""
    await bed.own.flushall(asynchronous=False)
    now_ms = stores.clock.now_ms()
    began_s = time.perf_counter()
    placed = await rebuild(stores.flow, 0, now_ms, new_id=uuid4, call_ms=stores.settings.call_ms)
    seconds = time.perf_counter() - began_s
    counts = await stores.wheel.counts(0, now_ms)
    if placed != loops or counts.waiting != loops:
        raise RuntimeError(f"{placed} of {loops} loops were placed, {counts.waiting} wait")
    return seconds


async def requests_at_rest_per_s(stores: Stores, bed: Bed, seconds: float) -> dict[str, float]:
    """Requests a second of one dialer: on an empty wheel, and where the next work is an hour away."""
    await bed.empty()
    found = {"empty": await _requests_per_s(stores, bed, seconds)}
    now_ms = stores.clock.now_ms()
    lane = Lane(1, 0, "bulk", ("a:1",))
    await stores.wheel.shape(gates=[Gate("a:1", 0)], lanes=[lane], now_ms=now_ms)
    await stores.wheel.place([Placing(0, 1, 1, now_ms + HOUR, 0)], now_ms)
    return found | {"work_in_an_hour": await _requests_per_s(stores, bed, seconds)}


async def _requests_per_s(stores: Stores, bed: Bed, seconds: float) -> float:
    provider = SimulatedProvider(1, instant(), RingLedger(keep=False))
    stop = asyncio.Event()
    tasks = dialing_tasks(stores, make_dialing(stores, provider), stop)
    await asyncio.sleep(min(1.0, seconds))  # it has connected, looked, and gone to rest
    before = await _requests(bed)
    await asyncio.sleep(seconds)
    count = await _requests(bed) - before - 1
    stop.set()
    await asyncio.gather(*tasks)
    return count / seconds


async def _requests(bed: Bed) -> int:
    """What the server has read so far, our own question included. At rest nobody pipelines, so a read is a
    request; its count of commands has those inside of scripts as well."""
    facts: dict[str, Any] = await bed.own.info("stats")
    return int(facts["total_reads_processed"])
