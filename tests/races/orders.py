"""Opt-outs, pauses and cancels against dials: F23, F24."""

from __future__ import annotations

import asyncio
import time

from tests.races.racer import REASON, Due, Racer, a_batch, ask
from tests.races.stage import Stage


class OptOut:
    """POST /v1/dnc/entries."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = Due(stage)
        self._next = 0

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage, site = self._stage, self._stage.sites[self._next % len(self._stage.sites)]
        self._next += 1
        due_ms, [leads] = await self._due.enrol(lambda due_ms: [stage.enrol(site, len(offsets), due_ms)])

        async def one(phone: str, loop_id: int, offset_ms: int) -> Racer:
            request = ("POST", "/v1/dnc/entries", {"phone": phone, **REASON})
            return await ask(stage, site, loop_id, due_ms, offset_ms, request)

        racers = [
            one(phone, loop_id, offset) for (phone, loop_id), offset in zip(leads, offsets, strict=True)
        ]
        return list(await asyncio.gather(*racers))


class Pause:
    """POST …/pause of an account, of an agent, of a batch by turns; all are resumed after the round."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = Due(stage)
        self._batches: dict[int, int] = {}

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        for site in sites[2::3]:
            if site.account_id not in self._batches:
                self._batches[site.account_id] = await a_batch(stage, site, "races")
        due_ms, leads = await self._due.enrol(
            lambda due_ms: [
                stage.enrol(site, 1, due_ms, batch_id=self._batches.get(site.account_id)) for site in sites
            ]
        )
        racers = await asyncio.gather(
            *(
                ask(stage, site, lead[0][1], due_ms, offset, ("POST", f"{self._path(n)}/pause", REASON))
                for n, (site, lead, offset) in enumerate(zip(sites, leads, offsets, strict=True))
            )
        )
        await stage.nothing_under_way()
        until_s = time.monotonic()
        for racer in racers:
            racer.until_s = until_s
        await asyncio.gather(
            *(
                stage.ask(site, "POST", f"{self._path(n)}/resume", {"spread_over_s": 0})
                for n, site in enumerate(sites)
            )
        )
        return list(racers)

    def _path(self, number: int) -> str:
        site, ids = self._stage.sites[number], self._stage.ids
        if number % 3 == 2:
            return f"/v1/batches/{ids.write('bat', self._batches[site.account_id])}"
        return f"/v1/agents/{ids.write('agt', site.agent_id)}" if number % 3 else "/v1/account"


class Cancel:
    """POST …/cancel of a batch of one lead."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = Due(stage)
        self._made = 0

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        self._made += 1
        batches = [await a_batch(stage, site, f"races {self._made}") for site in sites]
        due_ms, leads = await self._due.enrol(
            lambda due_ms: [
                stage.enrol(site, 1, due_ms, batch_id=batch_id)
                for site, batch_id in zip(sites, batches, strict=True)
            ]
        )
        paths = [f"/v1/batches/{stage.ids.write('bat', batch_id)}/cancel" for batch_id in batches]
        return list(
            await asyncio.gather(
                *(
                    ask(stage, site, lead[0][1], due_ms, offset, ("POST", path, None))
                    for site, lead, offset, path in zip(sites, leads, offsets, paths, strict=True)
                )
            )
        )
