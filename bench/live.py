"""`python -m bench live`: from the answer to a POST of a live lead to its dial, beside a bulk backlog.

One process runs every part, as `dialwheel up` does, with the simulated provider at zero latency. A second
process posts live leads at a steady rate while bulk leads wait and are dialled at the pace of their batches.
Both read the same monotonic clock of the machine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import islice
from typing import Any

import msgspec
import uvloop

from api.assembly import api_app, serving
from api.parts import (
    Stores,
    dialing_tasks,
    make_dialing,
    make_services,
    open_stores,
    service_tasks,
)
from bench.fiction import phones
from bench.figures import quantiles_ms
from bench.path import MONDAY_NOON_MS, MOST_A_ACCOUNT, enrol_backlog
from bench.site import private_site
from dialer.providers.base import Action, MayLeave, PlaceResult, always
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import instant
from scheduler.clock import ScaledClock
from scheduler.domain.time import Ms
from scheduler.ledger.accounts import agents_of
from scheduler.ledger.keys import create_key
from scheduler.public_ids import PublicIds
from scheduler.settings import Settings


class Timed(SimulatedProvider):
    """Notes when each number of interest was dialled, on the machine's monotonic clock."""

    def __init__(self, watched: set[str]) -> None:
        super().__init__(1, instant(), RingLedger(keep=False))
        self._watched = watched
        self.dialled_s: dict[str, float] = {}
        self.calls = 0

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        now_s = time.monotonic()
        self.calls += len(actions)
        for action in actions:
            if action.number == 1 and action.to in self._watched:
                self.dialled_s.setdefault(action.to, now_s)
        return await super().place(actions, now_ms, may_leave)


class Posted(msgspec.Struct, frozen=True):
    """One POST as the client saw it."""

    phone: str
    sent_s: float
    answered_s: float
    status: int


def run(*, backlog: int, live: int, live_per_s: float, bulk_per_s: float | None) -> dict[str, Any]:
    """`bulk_per_s` None: bulk goes as fast as it can meanwhile."""
    with private_site(http_port=0) as site, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(site.settings, backlog, live, live_per_s, bulk_per_s))


async def _run(
    settings: Settings, backlog: int, live: int, live_per_s: float, bulk_per_s: float | None
) -> dict[str, Any]:
    clock = ScaledClock(MONDAY_NOON_MS, 1.0)
    async with open_stores(settings, clock, apply_migrations=True) as stores:
        accounts = await enrol_backlog(stores, backlog, dials_per_s=bulk_per_s)
        fresh = list(islice(phones(), MOST_A_ACCOUNT, MOST_A_ACCOUNT + live))
        provider = Timed(set(fresh))
        dialing = make_dialing(stores, provider)
        services = make_services(stores, provider.name, provider.find)
        await services.sweeper.step(clock.now_ms())
        stop = asyncio.Event()
        tasks = [*service_tasks(stores, services, stop), *dialing_tasks(stores, dialing, stop)]
        async with serving(api_app(stores, provider), "127.0.0.1", 0) as url:
            await asyncio.sleep(1)
            calls, began_s = provider.calls, time.monotonic()
            posted = await _post(stores, url, accounts[0], fresh, live_per_s)
            await asyncio.sleep(1)
            bulk = provider.calls - calls - len(provider.dialled_s)
            elapsed_s = time.monotonic() - began_s
        stop.set()
        await asyncio.gather(*tasks)
    answered = [p for p in posted if p.status in (200, 201)]
    dialled = [p for p in answered if p.phone in provider.dialled_s]
    return {
        "bench": "live",
        "backlog": backlog,
        "posted": len(posted),
        "answered_2xx": len(answered),
        "dialled": len(dialled),
        "posts_per_s": live_per_s,
        "bulk_dials_per_s": round(bulk / elapsed_s, 1),
        "answered_to_dial_ms": quantiles_ms([provider.dialled_s[p.phone] - p.answered_s for p in dialled]),
        "sent_to_dial_ms": quantiles_ms([provider.dialled_s[p.phone] - p.sent_s for p in dialled]),
        "sent_to_answer_ms": quantiles_ms([p.answered_s - p.sent_s for p in answered]),
    }


async def _post(
    stores: Stores, url: str, account_id: int, fresh: list[str], live_per_s: float
) -> list[Posted]:
    """Let the client process post them; answers what it saw."""
    agent_id = (await agents_of(stores.database, account_id))[0]
    public = PublicIds(stores.installation.id_key).write("agt", agent_id)
    key = await create_key(
        stores.database,
        account_id=account_id,
        name="bench",
        environment="test",
        scopes=("admin",),
        now_ms=stores.clock.now_ms(),
    )
    job = {"url": url, "key": key, "phones": fresh, "per_s": live_per_s, "agent_id": public}
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.live_client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await client.communicate(msgspec.json.encode(job))
    return msgspec.json.decode(told, type=list[Posted])
