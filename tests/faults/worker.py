"""The processes under test: real parts of dialwheel on the trial's clock, forked ready to run.

Each talks to its parent over a pipe: READY, HIT <failpoint>, SAW <what>, BYE.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from api.assembly import api_app, serving
from api.parts import (
    REPORTS,
    dialing_tasks,
    make_dialing,
    make_services,
    open_aside,
    open_stores,
    open_witness,
    run_until,
    service_tasks,
    witness_tasks,
)
from dialer.http import HttpClient
from dialer.providers.simulated_http import SimulatedHttpProvider
from scheduler.domain.time import Ms
from scheduler.logs import set_up_logs
from scheduler.settings import Settings
from tests.faults.clocks import OffsetClock
from tests.faults.failpoints import FailingProvider, Failpoint, Failure, install
from tests.faults.observers import observe


class WorkerConfig(msgspec.Struct):
    """`role`: dialer, scheduler or api. `skew_ms`: how wrong its clock is. `log`: the file of what it logs.
    `no_more_files`: once it runs it may open nothing, no connection either."""

    role: str
    settings: dict[str, Any]
    offset_ms: Ms
    log: str
    skew_ms: Ms = 0
    failure: Failure | None = None
    no_more_files: bool = False


def run(config: bytes, pipe: Connection) -> None:
    """Entry of the forked process."""
    what = msgspec.json.decode(config, type=WorkerConfig)
    log = os.open(what.log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    set_up_logs("info", "json")
    asyncio.run(_main(what, pipe))
    pipe.send("BYE")


async def _main(config: WorkerConfig, pipe: Connection) -> None:
    settings = msgspec.convert(config.settings, Settings)
    clock = OffsetClock(config.offset_ms, config.skew_ms)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    failpoint = Failpoint(config.failure or Failure("", ""), pipe.send, clock)
    observe(pipe.send)
    if config.failure is not None:
        install(failpoint)
    http = HttpClient(
        settings.sim_url, connect_s=settings.provider_connect_s, total_s=settings.provider_total_s
    )
    provider = FailingProvider(settings.sim_url, http, failpoint)
    async with open_stores(settings, clock, apply_migrations=False) as stores, AsyncExitStack() as stack:
        serves = config.role != "scheduler"
        witnessing = await stack.enter_async_context(open_witness(stores, journal=serves, beats=serves))
        if config.role == "api":
            watch = asyncio.gather(*witness_tasks(stores, witnessing, stop))
            told_aside = await stack.enter_async_context(open_aside(stores, REPORTS))
            async with serving(api_app(stores, provider, aside=told_aside), "127.0.0.1", 0) as url:
                pipe.send(f"READY {url}")
                await stop.wait()
            await watch
            return
        if config.role == "dialer":
            aside = await stack.enter_async_context(open_aside(stores))
            tasks = dialing_tasks(stores, make_dialing(stores, provider, aside, witnessing), stop)
        else:
            tasks = service_tasks(
                stores, make_services(stores, SimulatedHttpProvider.name, provider.find, spools=True), stop
            )
            tasks += witness_tasks(stores, witnessing, stop)
        pipe.send("READY")
        if config.no_more_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))
        await run_until(tasks, stop)
    await provider.close()
