"""What keeps the wheel and the ledger together, and works in the background."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from api.job_kinds import kinds
from api.parts.dialing import send_s
from api.parts.probing import make_probe, probe_tasks
from api.parts.stores import Stores
from dialer.providers.base import always
from scheduler.flow.lookup import Find
from scheduler.public_ids import PublicIds
from scheduler.services.calendars import Calendars
from scheduler.services.callbacks import DueCallbacks
from scheduler.services.digest import WaitingDigest
from scheduler.services.exports import OldExports
from scheduler.services.feeder import Feeder
from scheduler.services.frozen import FrozenSessions
from scheduler.services.herald import Herald
from scheduler.services.imports import Abandoned
from scheduler.services.jobs import Jobs
from scheduler.services.memory import MemoryWatch
from scheduler.services.notary import Notary
from scheduler.services.reaper import Reaper
from scheduler.services.reconciler import Reconciler
from scheduler.services.service import Service, run_service
from scheduler.services.sweeper import Sweeper
from scheduler.settings import Settings
from scheduler.wheel.spools import marked_spools


@dataclass(frozen=True)
class Services:
    """What keeps the wheel and the ledger together."""

    feeder: Feeder
    sweeper: Sweeper
    reaper: Reaper
    reconciler: Reconciler
    frozen_sessions: FrozenSessions
    calendars: Calendars
    herald: Herald
    abandoned: Abandoned
    due_callbacks: DueCallbacks
    notary: Notary
    digest: WaitingDigest
    old_exports: OldExports
    jobs: tuple[Jobs, ...]

    def keep_pace(self, settings: Settings, speed: float, jump_s: float = 0.0) -> None:
        """On a fast clock a deadline is the Clock's time and, on top, what our own work takes in real time;
        where the clock has just jumped, that as well."""
        slack_s = jump_s + 30 * max(0.0, speed - 1)
        self.sweeper.wait_for(settings.overdue_s + slack_s)
        self.reconciler.wait_for(
            send_s=send_s(settings) * max(1.0, speed),
            unknown_after_s=settings.unknown_after_s + slack_s,
            write_off_s=settings.write_off_s + slack_s,
        )

    def all(self) -> tuple[Service, ...]:
        return (
            self.sweeper,
            self.feeder,
            self.calendars,
            self.reaper,
            self.reconciler,
            self.frozen_sessions,
            self.herald,
            self.abandoned,
            self.due_callbacks,
            self.notary,
            self.digest,
            self.old_exports,
            *self.jobs,
        )


def make_services(
    stores: Stores,
    provider_name: str,
    find: Find | None = None,
    *,
    live: bool = False,
    spools: bool = False,
) -> Services:
    """`find` asks the provider what became of attempts, `live` says whether it reaches real phones; `spools`:
    dialers and APIs have some."""
    settings = stores.settings
    ids = PublicIds(stores.installation.id_key)
    services = Services(
        Feeder(stores.flow, period_s=settings.feed_s),
        Sweeper(
            stores.flow,
            shards=settings.shards,
            period_s=settings.sweep_s,
            overdue_s=settings.overdue_s,
            call_ms=settings.call_ms,
            new_id=stores.new_id,
        ),
        Reaper(
            stores.flow,
            stores.ledger,
            stores.clock,
            shards=settings.shards,
            period_s=settings.reap_s,
        ),
        Reconciler(
            stores.flow,
            stores.ledger,
            stores.clock,
            period_s=settings.reap_s,
            send_s=send_s(settings),
            unknown_after_s=settings.unknown_after_s,
            write_off_s=settings.write_off_s,
            provider=provider_name,
            installation_id=stores.installation.installation_id,
            find=find,
            live=live,
            spools=partial(marked_spools, stores.wheel) if spools else None,
            spool_wait_s=settings.spool_wait_s,
        ),
        _frozen_sessions(stores),
        Calendars(stores.flow, reload_s=60 if stores.clock.speed else 86_400),
        Herald(stores.database, stores.clock, period_s=settings.news_s, kept_days=settings.news_kept_days),
        Abandoned(
            stores.flow,
            stores.clock,
            silence_s=settings.import_silence_s,
            parts_h=settings.import_parts_h,
        ),
        DueCallbacks(stores.database),
        Notary(stores.flow, ids, period_s=settings.records_s),
        WaitingDigest(stores.database, hour=settings.waiting_digest_hour),
        OldExports(stores.database),
        tuple(
            Jobs(stores.flow, stores.clock, settings, kinds(ids), number=number)
            for number in range(1, settings.jobs_at_once + 1)
        ),
    )
    services.keep_pace(settings, stores.clock.speed)
    return services


def service_tasks(stores: Stores, services: Services, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """The services; while the clocks are apart they do nothing: they would end leases and calls too soon."""
    probe = make_probe(stores)
    may_step = always if probe is None else probe.may_arm
    probed = None if probe is None else asyncio.create_task(probe.step(stores.clock.now_ms()))

    async def run(service: Service) -> None:
        if probed is not None:
            await asyncio.wait([probed])
        await run_service(service, stores.clock, stop, may_step=may_step)

    async def run_cut(service: Service) -> None:
        """Not to the end of a step, which is a whole job: another process goes on with that."""
        running = asyncio.create_task(run(service))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled():
            running.result()

    tasks = [
        asyncio.create_task((run_cut if service in services.jobs else run)(service), name=service.name)
        for service in services.all()
    ]
    return [*tasks, *probe_tasks(stores, probe, stop)]


def frozen_task(stores: Stores, stop: asyncio.Event) -> asyncio.Task[None]:
    """What the services have as well, in another process: theirs may be the one that stands still."""
    frozen = _frozen_sessions(stores)
    return asyncio.create_task(run_service(frozen, stores.clock, stop), name=frozen.name)


def _frozen_sessions(stores: Stores) -> FrozenSessions:
    settings = stores.settings
    return FrozenSessions(
        stores.database,
        period_s=settings.reap_s,
        idle_s=settings.postgres_idle_s,
        statement_s=settings.postgres_statement_s,
    )


def memory_task(stores: Stores, stop: asyncio.Event, *, decides: bool) -> asyncio.Task[None]:
    """Every process follows how far ahead work is put on the wheel; one with a feeder `decides`."""
    watch = MemoryWatch(stores.flow, period_s=stores.settings.sweep_s, decides=decides)
    return asyncio.create_task(run_service(watch, stores.clock, stop), name=watch.name)
