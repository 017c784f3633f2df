"""The processes: everything in one (`up`), or the parts alone, any number of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from aiohttp import web

from api.app import make_app, make_metrics_app, make_runner
from api.deps import Deps
from api.parts import (
    REPORTS,
    Stores,
    clock_tasks,
    delivering_task,
    dialing_tasks,
    frozen_task,
    last_moved,
    make_dialing,
    make_probe,
    make_services,
    memory_task,
    open_aside,
    open_stores,
    open_witness,
    probe_tasks,
    run_until,
    service_tasks,
    witness_tasks,
)
from api.provider_of import described, provider_name, provider_of, provider_secrets, simulator
from api.sim_server import make_sim_app
from api.simulation import Simulation
from api.starter import ensure_starter
from dialer.aside import Aside
from dialer.providers.base import Provider
from dialer.providers.simulated import SimulatedProvider
from scheduler.clock import RealClock
from scheduler.errors import StartError
from scheduler.services.clock_probe import ClockProbe
from scheduler.settings import Settings

OnReady = Callable[["Ready"], None]


class Ready(msgspec.Struct, frozen=True):
    """What is up: `lines` are (part, state, detail). `key`: an API key that was made just now."""

    url: str
    metrics_url: str
    lines: list[tuple[str, str, str]]
    key: str | None = None


async def run_up(settings: Settings, *, on_ready: OnReady, stop: asyncio.Event) -> None:
    """All parts in this process; without an address of a provider the simulated one: no phone rings."""
    clock = await last_moved(settings) if settings.sim_clock else RealClock()
    async with (
        open_stores(settings, clock, apply_migrations=True) as stores,
        provider_of(stores, inside=True) as provider,
        open_aside(stores) as aside,
        open_aside(stores, REPORTS) as told_aside,
        open_witness(stores) as witnessing,
    ):
        assert provider is not None
        key = await ensure_starter(stores.database, stores.installation, stores.clock.now_ms())
        dialing = make_dialing(stores, provider, aside, witnessing)
        services = make_services(stores, provider.name, provider.find, live=provider.live, spools=True)
        tasks = [
            *service_tasks(stores, services, stop),
            *dialing_tasks(stores, dialing, stop),
            delivering_task(stores, stop),
            memory_task(stores, stop, decides=True),
            *clock_tasks(stores, stop),
        ]
        simulation = None
        if isinstance(provider, SimulatedProvider):
            simulation = Simulation(provider, stores.clock, partial(services.keep_pace, settings))
        app = api_app(stores, provider, dialing.probe, simulation, told_aside)
        async with (
            serving(app, settings.http_host, settings.http_port) as url,
            serving(make_metrics_app(stores.metrics), "127.0.0.1", settings.metrics_port) as metrics_url,
        ):
            lines = [
                ("schema", "ready", "up to date"),
                ("wheel", "ready", f"{settings.shards} shard" + ("s" if settings.shards > 1 else "")),
                ("api", "ready", url),
                ("provider", "ready", described(settings)),
            ]
            on_ready(Ready(url, metrics_url, lines, key))
            await run_until(tasks, stop)


async def run_api(settings: Settings, *, on_ready: OnReady, stop: asyncio.Event) -> None:
    """The HTTP API alone. Calls that an opt-out must end are ended at the provider, if one is named."""
    async with (
        open_stores(settings, RealClock(), apply_migrations=True) as stores,
        provider_of(stores) as provider,
        open_aside(stores, REPORTS) as aside,
        open_witness(stores) as witnessing,
    ):
        key = await ensure_starter(stores.database, stores.installation, stores.clock.now_ms())
        probe = make_probe(stores)
        if witnessing is not None and probe is not None:
            witnessing.witness.clocks_agree = probe.may_arm
        tasks = [
            delivering_task(stores, stop),
            memory_task(stores, stop, decides=False),
            frozen_task(stores, stop),
            *probe_tasks(stores, probe, stop),
            *witness_tasks(stores, witnessing, stop),
        ]
        app = api_app(stores, provider, probe, aside=aside)
        async with (
            serving(app, settings.http_host, settings.http_port) as url,
            serving(make_metrics_app(stores.metrics), "127.0.0.1", settings.metrics_port) as metrics_url,
        ):
            on_ready(Ready(url, metrics_url, [("api", "ready", url)], key))
            await run_until(tasks, stop)


async def run_scheduler(settings: Settings, *, on_ready: OnReady, stop: asyncio.Event) -> None:
    """The services alone. What nobody reported on is looked up at the provider, if one is named."""
    async with (
        open_stores(settings, RealClock(), apply_migrations=False) as stores,
        provider_of(stores) as provider,
        open_witness(stores, journal=False, beats=False) as witnessing,
    ):
        services = make_services(
            stores,
            provider_name(settings),
            None if provider is None else provider.find,
            live=provider is not None and provider.live,
            spools=True,
        )
        tasks = [
            *service_tasks(stores, services, stop),
            memory_task(stores, stop, decides=True),
            *witness_tasks(stores, witnessing, stop),
        ]
        async with serving(
            make_metrics_app(stores.metrics), "127.0.0.1", settings.metrics_port
        ) as metrics_url:
            on_ready(Ready("", metrics_url, [("scheduler", "ready", f"{len(tasks)} services")]))
            await run_until(tasks, stop)


async def run_dialer(settings: Settings, *, on_ready: OnReady, stop: asyncio.Event) -> None:
    """Claims, arms and sends, alone; its provider is at `provider_url`, else the simulator at `sim_url`."""
    async with (
        open_stores(settings, RealClock(), apply_migrations=False) as stores,
        provider_of(stores) as provider,
        open_aside(stores) as aside,
        open_witness(stores) as witnessing,
    ):
        assert provider is not None  # the command asks for one of the two addresses
        dialing = make_dialing(stores, provider, aside, witnessing)
        tasks = [*dialing_tasks(stores, dialing, stop), memory_task(stores, stop, decides=False)]
        async with serving(
            make_metrics_app(stores.metrics), "127.0.0.1", settings.metrics_port
        ) as metrics_url:
            lines = [("dialer", "ready", f"{settings.dial_lines} lines; {described(settings)}")]
            on_ready(Ready("", metrics_url, lines))
            await run_until(tasks, stop)


async def run_sim(settings: Settings, *, on_ready: OnReady, stop: asyncio.Event) -> None:
    """The simulated provider over HTTP, for dialers in processes of their own."""
    async with (
        simulator(settings) as provider,
        serving(make_sim_app(provider, RealClock()), settings.sim_host, settings.sim_port) as url,
    ):
        on_ready(Ready(url, "", [("sim", "ready", f"{url} (no phone rings)")]))
        await stop.wait()


def api_app(
    stores: Stores,
    provider: Provider | None,
    probe: ClockProbe | None = None,
    simulation: Simulation | None = None,
    aside: Aside | None = None,
) -> web.Application:
    """The HTTP API over these stores; `provider` ends calls for opt-outs, `probe` says how the clocks are;
    what providers report waits in `aside` while the ledger is away."""

    async def hang_up(refs: list[str]) -> None:
        if provider is not None and refs:
            await provider.hang_up(refs, stores.clock.now_ms())

    return make_app(
        Deps(
            settings=stores.settings,
            clock=stores.clock,
            flow=stores.flow,
            id_key=stores.installation.id_key,
            hang_up=hang_up,
            installation_id=stores.installation.installation_id,
            ledger=stores.ledger,
            aside=aside,
            provider_secrets=provider_secrets(stores.settings),
            metrics=stores.metrics,
            probe=probe,
            simulation=simulation,
        )
    )


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve `app`; answers its address. Raises StartError when the port is taken."""
    runner = make_runner(app)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise StartError(
                f"port {port} on {host} cannot be used",
                error.strerror or type(error).__name__,
                "stop what uses it, or choose another port",
            ) from error
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()
