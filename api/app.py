"""The HTTP apps: the API, and the metrics on a port of their own.

There is no global state: an app is made from what the assembly hands in, and several may live in a process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import cache
from importlib.metadata import version
from math import inf
from typing import Any

import msgspec
from aiohttp import web

from api.deps import Deps
from api.imports.workers import ImportWorkers
from api.middleware import make_edge, put_headers
from api.openapi import describe
from api.provider_inbox import ProviderInbox
from api.provider_words import ProviderWords
from api.routes import (
    account,
    accounts,
    agents,
    attempts,
    audit,
    batches,
    cadence_files,
    cadence_previews,
    cadence_steps,
    cadence_versions,
    cadences,
    callbacks,
    caller_id_pools,
    caller_ids,
    closures,
    compliance,
    dnc,
    dnc_lists,
    events,
    exports,
    import_parts,
    imports,
    jobs,
    keys,
    lead_actions,
    lead_bulk,
    lead_calls,
    lead_lists,
    lead_signals,
    lead_story,
    leads,
    loops,
    no_call_days,
    pauses,
    providers,
    records,
    root,
    sim,
    stream,
    templates,
    trunks,
    webhooks,
    wheel,
    windows,
)
from api.routing import Route, add_routes
from api.wire import LIMITS, Limits, Runner
from dialer.providers.webhook import NAME as WEBHOOK
from scheduler.errors import DialwheelError
from scheduler.ledger import idempotency
from scheduler.metrics import CONTENT_TYPE, Depths, Metrics
from scheduler.wheel.looking import feel_pulse

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *accounts.ROUTES,
    *agents.ROUTES,
    *attempts.ROUTES,
    *audit.ROUTES,
    *batches.ROUTES,
    *cadence_files.ROUTES,
    *cadence_previews.ROUTES,
    *cadence_steps.ROUTES,
    *cadence_versions.ROUTES,
    *cadences.ROUTES,
    *callbacks.ROUTES,
    *caller_id_pools.ROUTES,
    *caller_ids.ROUTES,
    *closures.ROUTES,
    *compliance.ROUTES,
    *dnc.ROUTES,
    *dnc_lists.ROUTES,
    *events.ROUTES,
    *import_parts.ROUTES,
    *exports.ROUTES,
    *imports.ROUTES,
    *jobs.ROUTES,
    *keys.ROUTES,
    *lead_actions.ROUTES,
    *lead_bulk.ROUTES,
    *lead_calls.ROUTES,
    *lead_lists.ROUTES,
    *lead_signals.ROUTES,
    *lead_story.ROUTES,
    *leads.ROUTES,
    *loops.ROUTES,
    *no_call_days.ROUTES,
    *pauses.ROUTES,
    *providers.ROUTES,
    *records.ROUTES,
    *root.ROUTES,
    *sim.ROUTES,
    *stream.ROUTES,
    *templates.ROUTES,
    *trunks.ROUTES,
    *webhooks.ROUTES,
    *wheel.ROUTES,
    *windows.ROUTES,
)
"""Every endpoint."""

PURGE_S = 3600.0
SERVER_OPTIONS: dict[str, Any] = {"auto_decompress": False, "access_log": None}
"""How an app is served: what is compressed is unpacked by who reads it, under a cap of its own."""


def make_app(deps: Deps) -> web.Application:
    app = web.Application(middlewares=[make_edge(deps.metrics)], client_max_size=deps.settings.body_max)
    app[LIMITS] = Limits(deps.settings.http_idle_s, deps.settings.http_connections)
    app.on_response_prepare.append(put_headers)
    add_routes(app, ROUTES, deps)
    app[root.OPENAPI] = _description()
    deps.metrics.on_scrape(lambda: _depths(deps))
    app[imports.WORKERS] = ImportWorkers(deps.settings.import_workers)
    app.on_shutdown.append(lambda _app: deps.feed.close())
    app.on_cleanup.append(_close_workers)
    app.cleanup_ctx.append(lambda _app: _purging(deps))
    app[providers.INBOX] = _inbox(deps)
    app.cleanup_ctx.append(_taking_reports)
    return app


def make_metrics_app(metrics: Metrics) -> web.Application:
    """Prometheus' text at /metrics, for a loopback port: it needs no key."""

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application(middlewares=[make_edge(metrics)])
    app.router.add_get("/metrics", show_metrics)
    return app


def make_runner(app: web.Application, *, shutdown_s: float = 5.0) -> web.AppRunner:
    """The app ready to be bound to a port: `await runner.setup()`, then a site."""
    return Runner(app, shutdown_timeout=shutdown_s, handle_signals=False, **SERVER_OPTIONS)


@cache
def _description() -> bytes:
    """Of the routes, which are the same for every app: 50 ms of work, once in a process."""
    return msgspec.json.encode(describe(ROUTES, version("dialwheel")))


def _inbox(deps: Deps) -> ProviderInbox:
    words = ProviderWords(
        deps.flow, deps.clock, deps.hang_up, provider=WEBHOOK, permit_s=deps.settings.permit_s
    )
    return ProviderInbox(
        deps.flow,
        deps.ledger or deps.flow.database,
        deps.clock,
        deps.metrics,
        provider=WEBHOOK,
        installation_id=deps.installation_id,
        group_commit_s=deps.settings.group_commit_ms / 1000,
        mean=words.mean,
        stop=words.stop,
        aside=deps.aside,
    )


async def _depths(deps: Deps) -> Depths:
    now_ms, wheel, shards = deps.clock.now_ms(), deps.flow.wheel, range(deps.settings.shards)
    counts = [await wheel.counts(shard, now_ms) for shard in shards]
    pulses = [await feel_pulse(wheel, shard, deps.clock.wall_ms()) for shard in shards]
    calls = await deps.flow.database.fetch_row("attempt_live_count")
    assert calls is not None
    return Depths(
        depth=sum(shard.waiting for shard in counts),
        overdue=sum(shard.overdue for shard in counts),
        in_flight=calls["live"],
        ticker_ages_s=[inf if one.claimed_ago_ms is None else one.claimed_ago_ms / 1000 for one in pulses],
    )


async def _close_workers(app: web.Application) -> None:
    app[imports.WORKERS].close()


async def _taking_reports(app: web.Application) -> AsyncIterator[None]:
    """While the app runs, commit what providers post; at its end what was taken is committed first."""
    stop = asyncio.Event()
    task = asyncio.create_task(app[providers.INBOX].run(stop))
    yield
    stop.set()
    await asyncio.wait({task}, timeout=5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _purging(deps: Deps) -> AsyncIterator[None]:
    """While the app runs, forget replies that were kept long enough."""

    async def purge() -> None:
        while True:
            with contextlib.suppress(DialwheelError):
                await idempotency.purge(deps.flow.database, deps.clock.wall_ms())
            await asyncio.sleep(PURGE_S)

    task = asyncio.create_task(purge())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
