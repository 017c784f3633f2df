"""Changes of settings against dials: F24."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from scheduler.domain.time import HOUR, Ms
from scheduler.ledger.instants import to_datetime
from tests.races.racer import Due, Racer, a_batch, ask
from tests.races.stage import POOL_NUMBERS, Site, Stage


class Settings:
    """PATCH of an agent to another pool of caller ids, of its trunk to a pause, of a batch to a later start,
    by turns; all are undone after the round.

    The caller id that a call shows tells under which settings it was armed.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = Due(stage)
        self._batches: dict[int, int] = {}
        self._pool: dict[int, int] = {}

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        if not self._pool:
            await asyncio.gather(*(self._prepare(n, site) for n, site in enumerate(stage.sites)))
        due_ms, leads = await self._due.enrol(
            lambda due_ms: [
                stage.enrol(site, 1, due_ms, batch_id=self._batches.get(site.account_id)) for site in sites
            ]
        )
        racers = await asyncio.gather(
            *(
                self._change(n, site, lead[0][1], due_ms, offset)
                for n, (site, lead, offset) in enumerate(zip(sites, leads, offsets, strict=True))
            )
        )
        await stage.nothing_under_way()
        until_s = time.monotonic()
        for racer in racers:
            racer.until_s = until_s
        await asyncio.gather(
            *(
                stage.ask(site, "PATCH", self._path(n, site), undone)
                for n, site in enumerate(sites)
                if (undone := _UNDONE[n % 3]) is not None
            )
        )
        return list(racers)

    async def _prepare(self, number: int, site: Site) -> None:
        self._pool[site.account_id] = 0
        if number % 3 == 2:
            self._batches[site.account_id] = await a_batch(self._stage, site, "races")
            return
        ids = self._stage.ids
        route = (
            {"trunk_id": ids.write("trk", site.trunk_id)}
            if number % 3
            else {"caller_id_pool_id": ids.write("cip", site.pools[0])}
        )
        await self._stage.ask(site, "PATCH", f"/v1/agents/{ids.write('agt', site.agent_id)}", route)

    async def _change(self, number: int, site: Site, loop_id: int, due_ms: Ms, offset_ms: int) -> Racer:
        stage, path = self._stage, self._path(number, site)
        if number % 3 == 2:
            starts = to_datetime(due_ms + HOUR).isoformat()
            request = ("PATCH", path, {"throttle": {"start_at": starts}})
            return await ask(stage, site, loop_id, due_ms, offset_ms, request)
        if number % 3 == 1:
            return await ask(stage, site, loop_id, due_ms, offset_ms, ("PATCH", path, {"paused": True}))
        was = self._pool[site.account_id]
        self._pool[site.account_id] = 1 - was
        body = {"caller_id_pool_id": stage.ids.write("cip", site.pools[1 - was])}
        racer = await ask(stage, site, loop_id, due_ms, offset_ms, ("PATCH", path, body))
        racer.forbids = lambda arrival: arrival.caller_id == POOL_NUMBERS[was]
        return racer

    def _path(self, number: int, site: Site) -> str:
        ids = self._stage.ids
        if number % 3 == 2:
            return f"/v1/batches/{ids.write('bat', self._batches[site.account_id])}"
        if number % 3 == 1:
            return f"/v1/trunks/{ids.write('trk', site.trunk_id)}"
        return f"/v1/agents/{ids.write('agt', site.agent_id)}"


_UNDONE: tuple[dict[str, Any] | None, ...] = (None, {"paused": False}, {"throttle": {"start_at": None}})
"""What the agents, the trunks and the batches of a round are set to after it."""
