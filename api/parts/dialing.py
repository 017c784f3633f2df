"""A dialer's parts: lines that claim, arm and send, and what carries the news back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from api.parts.probing import make_probe, probe_tasks
from api.parts.stores import Stores
from api.parts.witnessing import Witnessing, witness_tasks
from dialer.aside import Aside
from dialer.claimer import Limits
from dialer.gate import Gate
from dialer.providers.base import Provider
from dialer.pump import Pump
from dialer.recorder import Recorder
from dialer.spool import open_spool
from dialer.worker import Worker
from scheduler.domain.time import SECOND
from scheduler.errors import DialwheelError, StartError
from scheduler.flow.breaker import Breakers
from scheduler.services.clock_probe import ClockProbe
from scheduler.settings import Settings

SPOOL_FOLDER = "spool"
REPORTS = "reports"
"""Beneath it: what an API was told by providers. No dialer takes that over."""


@dataclass(frozen=True)
class Dialing:
    """A dialer: lines that claim, arm and send, and what carries the news back."""

    worker: Worker
    recorder: Recorder
    pump: Pump
    provider: Provider
    probe: ClockProbe | None = None
    breakers: Breakers | None = None
    witnessing: Witnessing | None = None


@asynccontextmanager
async def open_aside(stores: Stores, part: str = "") -> AsyncIterator[Aside]:
    """Where this process's dialer keeps news while the ledger is away, or its API with `part` REPORTS: under
    the data directory, with what others of the kind left there that are gone. Another ledger's is left alone:
    its attempts are others."""
    settings = stores.settings
    folder = settings.data_path / SPOOL_FOLDER / stores.installation.installation_id.hex / part
    try:
        spool = await asyncio.to_thread(
            open_spool, folder, max_bytes=settings.spool_max_mb * 1_000_000, new_id=stores.new_id
        )
    except OSError as error:
        raise StartError(
            "the spool cannot be opened",
            f"{folder}: {error.strerror}",
            "let this user write there, or name another folder with data_dir",
        ) from error
    try:
        yield Aside(spool, stores.wheel)
    finally:
        spool.close()


def make_dialing(
    stores: Stores, provider: Provider, aside: Aside | None = None, witnessing: Witnessing | None = None
) -> Dialing:
    """`aside`: where news waits while the ledger is away; without it, in memory and with the provider.
    `witnessing`: holds the ledger against what was seen of it."""
    settings = stores.settings
    probe, breakers = make_probe(stores), make_breakers(stores)
    witness = None if witnessing is None else witnessing.witness
    if witness is not None and probe is not None:
        witness.clocks_agree = probe.may_arm
    guards = [each.may_arm for each in (probe, witness) if each is not None]
    recorder = Recorder(
        stores.flow,
        stores.ledger,
        provider,
        stores.clock,
        stores.metrics,
        group_commit_s=settings.group_commit_ms / 1000,
        aside=aside,
    )
    worker = Worker(
        stores.flow,
        stores.ledger,
        provider,
        recorder,
        stores.clock,
        stores.metrics,
        Gate(
            stores.clock,
            permit_s=settings.permit_s,
            slack_ms=settings.wall_slack_ms,
            step_ms=settings.wall_step_ms,
            lease_s=settings.lease_ms / SECOND,
        ),
        Limits(
            claim_batch=settings.claim_batch,
            claim_ahead_ms=settings.claim_ahead_ms,
            claims_held=settings.claims_held,
            dial_lines=settings.dial_lines,
            line_failures=settings.line_failures,
        ),
        name=f"{os.uname().nodename}-{os.getpid()}",
        installation_id=stores.installation.installation_id,
        new_id=stores.new_id,
        permit_s=settings.permit_s,
        send_s=send_s(settings),
        may_arm=lambda: all(may_arm() for may_arm in guards),
        breakers=breakers,
        journal=None if witnessing is None else witnessing.journal,
    )
    pump = Pump(
        provider,
        recorder,
        worker.dialled,
        stores.clock,
        # a report of a call that the ledger has forgotten would be taken and lost
        may_carry=lambda: (probe is None or probe.may_arm()) and not stores.flow.standing.quarantined,
    )
    return Dialing(worker, recorder, pump, provider, probe, breakers, witnessing)


def make_breakers(stores: Stores) -> Breakers | None:
    """None where settings say so, and on a stepped clock: its network fails as its model says."""
    settings = stores.settings
    if not (settings.breaker_failures and stores.clock.speed):
        return None
    return Breakers(
        stores.flow,
        stores.clock,
        stores.metrics,
        failures=settings.breaker_failures,
        window_s=settings.breaker_window_s,
        probe_s=settings.breaker_probe_s,
    )


def send_s(settings: Settings) -> float:
    """Real seconds after its permit was asked for in which a request may still reach the provider."""
    return settings.permit_s + settings.provider_total_s


def dialing_tasks(stores: Stores, dialing: Dialing, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """The recorder stops last: what the claimers have sent by then is written down."""

    async def dial(shard: int) -> None:
        if dialing.probe is not None:  # before the first permit, not five seconds after it
            await dialing.probe.step(stores.clock.now_ms())
        if dialing.witnessing is not None:
            with suppress(DialwheelError):  # until it has looked, nothing is armed
                await dialing.witnessing.witness.step(stores.clock.now_ms())
        await dialing.worker.run(shard, stop)

    claimers = [
        asyncio.create_task(dial(shard), name=f"dialer-{shard}") for shard in range(stores.settings.shards)
    ]
    sent_all = asyncio.Event()

    async def claimers_over() -> None:
        await asyncio.wait(claimers)
        sent_all.set()

    return [
        *claimers,
        *probe_tasks(stores, dialing.probe, stop),
        *witness_tasks(stores, dialing.witnessing, stop),
        *breaker_tasks(dialing.breakers, stop),
        asyncio.create_task(claimers_over(), name="claimers"),
        asyncio.create_task(dialing.recorder.run(sent_all), name="recorder"),
        asyncio.create_task(dialing.pump.run(stop), name="pump"),
    ]


def breaker_tasks(breakers: Breakers | None, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    if breakers is None:
        return []
    return [asyncio.create_task(breakers.run(stop), name="breakers")]
