"""`dialwheel demo`: the whole path on the example leads, on a fast clock, with no phone ringing."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec
import uvloop
from whenever import Instant, Time

from api.demo.example import chunks_of, cut_example, example_path
from api.demo.options import DemoOptions
from api.demo.progress import WATCHED_FROM, Progress, clock_face
from api.demo.summary import Summary, summarize, summary_json, summary_lines
from api.demo.verdict import judge_rings
from api.embedded import EmbeddedStack
from api.imports.pipeline import run_import
from api.parts import (
    Dialing,
    Services,
    Stores,
    dialing_tasks,
    last_instant,
    make_dialing,
    make_services,
    open_stores,
    run_until,
    service_tasks,
)
from api.provider_of import simulator
from api.referee import Verdict
from api.starter import create_starter_agents
from api.stepping import Stepper
from dialer.providers.rings import RingLedger
from scheduler.clock import Clock, RealClock, ScaledClock, SteppedClock
from scheduler.domain.model import Priority
from scheduler.domain.time import Ms
from scheduler.errors import UsageError
from scheduler.ledger.accounts import agents_of, batches_received, create_account, find_account
from scheduler.ledger.books import read_books
from scheduler.ledger.instants import to_datetime
from scheduler.logs import set_up_logs
from scheduler.settings import Settings, check_settings

ACCOUNT = "demo"
BATCHES = ("demo follow-up", "demo smart")
MAX_DIALS_PER_S = 20.0
MAX_CONCURRENT = 2000
"""Limits that the demo's account has, so that gates and throttles are at work."""


def run_demo(options: DemoOptions) -> int:
    """Play until every loop has ended, or until Ctrl-C; answers the exit code."""
    source = example_path()
    halves = cut_example(source, options.leads)
    data = Path(options.data_dir) / "demo"
    settings = Settings(data_dir=str(data.absolute()), seed=options.seed, import_workers=0)
    check_settings(settings)
    set_up_logs("error", settings.log_format)  # the network's faults are part of the play
    _say(options, f"  SIMULATED: no phone rings. Data in {data}")
    with EmbeddedStack(data) as private:
        assert private.postgres is not None
        assert private.valkey is not None
        settings = msgspec.structs.replace(
            settings, postgres_url=private.postgres.url, redis_url=private.valkey.url
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_play(options, settings, halves))


async def _play(options: DemoOptions, settings: Settings, halves: tuple[bytes, bytes]) -> int:
    stop = asyncio.Event()
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ask)
    clock = await _clock(options, settings)
    seeded = uuid5(NAMESPACE_OID, f"dialwheel demo {options.seed}")
    keys = (seeded.bytes + b"public ids.....", seeded.bytes + b"phone hashes...")
    async with (
        open_stores(settings, clock, apply_migrations=True, installation_id=seeded, keys=keys) as stores,
        simulator(settings) as provider,
    ):
        account_id, rejected = await _leads_in(options, stores, halves)
        dialing = make_dialing(stores, provider)
        services = make_services(stores, provider.name, provider.find)
        before = await read_books(stores.database, account_id, clock.now_ms())
        started_ms, began_s = clock.now_ms(), time.monotonic()
        with Progress(mode=_mode(options), quiet=options.quiet) as progress:
            if isinstance(clock, SteppedClock):
                await _step(stores, dialing, services, clock, progress, account_id, stop)
            else:
                await _run(stores, dialing, services, progress, account_id, stop)
        elapsed_s = time.monotonic() - began_s
        await _keep_time(stores)
        books = await read_books(stores.database, account_id, clock.now_ms())
        provider.rings.flush()
        verdict = await judge_rings(stores.database, account_id, provider.rings)
        summary = summarize(
            books,
            verdict,
            rejected_rows=rejected,
            attempts_before=before.attempts,
            elapsed_s=elapsed_s,
            simulated_s=(clock.now_ms() - started_ms) / 1000,
        )
        _report(options, summary, verdict, provider.rings, books.in_flight)
    if not verdict.clean:
        return 1
    return 130 if asked else 0


async def _step(
    stores: Stores,
    dialing: Dialing,
    services: Services,
    clock: SteppedClock,
    progress: Progress,
    account_id: int,
    stop: asyncio.Event,
) -> None:
    async def on_step() -> None:
        if progress.due():
            await _keep_time(stores)
            progress.show(await read_books(stores.database, account_id, clock.now_ms()), clock.now_ms())

    await Stepper(stores, dialing, services, clock).play(stop, on_step)


async def _run(
    stores: Stores,
    dialing: Dialing,
    services: Services,
    progress: Progress,
    account_id: int,
    stop: asyncio.Event,
) -> None:
    """On the scaled clock, everything at once, as in production."""
    ended = asyncio.Event()
    tasks = [*service_tasks(stores, services, ended), *dialing_tasks(stores, dialing, ended)]

    async def watch() -> None:
        while not stop.is_set():
            books = await read_books(stores.database, account_id, stores.clock.now_ms())
            if progress.due():
                progress.show(books, stores.clock.now_ms())
            if not books.waiting and not books.in_flight:
                break
            await _keep_time(stores)
            try:
                await asyncio.wait_for(stop.wait(), 0.5)
            except TimeoutError:
                continue
        ended.set()

    await run_until([*tasks, asyncio.create_task(watch(), name="watch")], ended)


async def _leads_in(options: DemoOptions, stores: Stores, halves: tuple[bytes, bytes]) -> tuple[int, int]:
    """The demo's account with its leads, made at the first run; answers its id and the rows rejected now."""
    now_ms = stores.clock.now_ms()
    account_id, agents, received = await _account(stores, now_ms)
    if len(received) == len(BATCHES):
        _say(options, f"  Going on where the last run stopped: {clock_face(now_ms)}")
        return account_id, 0
    rejected = 0
    for agent_id, name, half in zip(agents, BATCHES, halves, strict=True):
        if name in received:
            continue
        began_s = time.monotonic()
        totals = await _import(stores, account_id, agent_id, name, half)
        rejected += totals.rejected
        took_s = time.monotonic() - began_s
        _say(options, f"  imported  {totals.created:,} leads for {name[5:]} in {took_s:.1f} s")
    return account_id, rejected


async def _account(stores: Stores, now_ms: Ms) -> tuple[int, tuple[int, int], set[str]]:
    """The account, its two agents and the batches received whole, by an earlier run or made now."""
    account_id = await find_account(stores.database, ACCOUNT)
    if account_id is not None:
        agents = await agents_of(stores.database, account_id)
        if len(agents) == len(BATCHES):
            return account_id, (agents[0], agents[1]), await batches_received(stores.database, account_id)
    account_id = account_id or await create_account(
        stores.database,
        name=ACCOUNT,
        now_ms=now_ms,
        max_dials_per_s=MAX_DIALS_PER_S,
        max_concurrent=MAX_CONCURRENT,
    )
    return account_id, await create_starter_agents(stores.database, account_id, now_ms), set()


async def _import(stores: Stores, account_id: int, agent_id: int, name: str, half: bytes) -> Any:
    async def report(line: dict[str, Any]) -> None:
        return None

    return await run_import(
        stores.flow,
        account_id=account_id,
        agent_id=agent_id,
        batch=name,
        priority=Priority.BULK,
        consent="demo",
        chunks=chunks_of(half),
        clock=stores.clock,
        settings=stores.settings,
        report=report,
    )


async def _clock(options: DemoOptions, settings: Settings) -> Clock:
    """At the instant where the data is; a new one begins next Monday at ten in New York."""
    at_ms = await last_instant(settings)
    start_ms = at_ms if at_ms is not None else _start_ms(options)
    return SteppedClock(start_ms) if options.until_done else ScaledClock(start_ms, options.speed)


def _start_ms(options: DemoOptions) -> Ms:
    if options.start_at is not None:
        try:
            return Instant.parse_iso(options.start_at).timestamp(unit="millisecond")
        except ValueError as error:
            raise UsageError(
                "--start-at is not an instant",
                f"it was {options.start_at}",
                "--start-at 2026-11-23T15:00:00Z",
            ) from error
    today = Instant.from_timestamp(RealClock().now_ms(), unit="millisecond").to_tz(WATCHED_FROM).date()
    monday = today.add(days=8 - today.day_of_week().value)
    ten = monday.at(Time(10)).assume_tz(WATCHED_FROM, disambiguation="compatible")
    return ten.timestamp(unit="millisecond")


async def _keep_time(stores: Stores) -> None:
    await stores.database.execute("simulated_at_keep", to_datetime(stores.clock.now_ms()))


def _report(
    options: DemoOptions, summary: Summary, verdict: Verdict, rings: RingLedger, in_flight: int
) -> None:
    if options.rings is not None:
        rings.export(Path(options.rings))
    if options.json == "-":
        sys.stdout.write(summary_json(summary).decode())
    elif options.json is not None:
        Path(options.json).write_bytes(summary_json(summary))
    if options.json == "-" and options.quiet:
        return
    lines = summary_lines(summary, verdict)
    if in_flight:
        lines.append(f"  {in_flight:,} calls are under way: run the demo again to go on")
    print("\n".join(lines), file=sys.stderr if options.json == "-" else sys.stdout, flush=True)


def _say(options: DemoOptions, text: str) -> None:
    if not options.quiet:
        print(text, file=sys.stderr, flush=True)


def _mode(options: DemoOptions) -> str:
    return "stepped" if options.until_done else f"×{options.speed:g}"
