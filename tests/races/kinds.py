"""What races a dial: in a round each lead has its own offset between its dial and what forbids it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from scheduler.domain.time import MINUTE, SECOND, Ms
from scheduler.flow.batches import create_batch
from scheduler.flow.throttle import Throttle
from scheduler.ledger.instants import to_datetime
from scheduler.wheel import Placing
from tests.builders import ACTOR, TUESDAY_2PM
from tests.races.stage import POOL_NUMBERS, Arrival, Site, Stage

RACERS = 32
"""Of one round; as many accounts, where each racer needs something of its own to forbid."""

OFFSETS_MS = range(-50, 51, 5)
"""When what forbids the dial is asked for, against the instant at which the dial is due."""

REASON = {"reason": "asked to"}
NEW_YORK = ZoneInfo("America/New_York")
CLOSE_MARGIN_MS = MINUTE


@dataclass
class Racer:
    """One dial against what forbids it. Instants are monotonic seconds; `acked_ms` is on the Clock.

    From `acked_s` to `until_s` no call may arrive that `forbids` names. `asked` is False where nobody was
    asked and `acked_s` is an instant that was known before.
    """

    loop_id: int
    offset_ms: int
    asked_s: float
    acked_s: float
    acked_ms: Ms
    until_s: float = math.inf
    forbids: Callable[[Arrival], bool] = lambda arrival: True
    asked: bool = True


class Kind(Protocol):
    def __init__(self, stage: Stage) -> None: ...

    async def round(self, offsets: list[int]) -> list[Racer]:
        """One racer for each offset."""
        ...


class _Due:
    """When the leads of a round are due: late enough to have them all in the ledger before."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._took_ms = 150.0

    async def enrol(self, enrolments: Callable[[Ms], list[Coroutine[Any, Any, Any]]]) -> tuple[Ms, list[Any]]:
        began_ms = self._stage.clock.now_ms()
        due_ms = began_ms + 150 + int(1.5 * self._took_ms)
        done = await asyncio.gather(*enrolments(due_ms))
        self._took_ms = max(50.0, 0.7 * self._took_ms, float(self._stage.clock.now_ms() - began_ms))
        return due_ms, done


class OptOut:
    """POST /v1/dnc/entries."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = _Due(stage)
        self._next = 0

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage, site = self._stage, self._stage.sites[self._next % len(self._stage.sites)]
        self._next += 1
        due_ms, [leads] = await self._due.enrol(lambda due_ms: [stage.enrol(site, len(offsets), due_ms)])

        async def one(phone: str, loop_id: int, offset_ms: int) -> Racer:
            request = ("POST", "/v1/dnc/entries", {"phone": phone, **REASON})
            return await _ask(stage, site, loop_id, due_ms, offset_ms, request)

        return list(
            await asyncio.gather(*(one(*lead, offset) for lead, offset in zip(leads, offsets, strict=True)))
        )


class Pause:
    """POST …/pause of an account, of an agent, of a batch by turns; all are resumed after the round."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = _Due(stage)
        self._batches: dict[int, int] = {}

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        for site in sites[2::3]:
            if site.account_id not in self._batches:
                self._batches[site.account_id] = await _a_batch(stage, site, "races")
        due_ms, leads = await self._due.enrol(
            lambda due_ms: [
                stage.enrol(site, 1, due_ms, batch_id=self._batches.get(site.account_id)) for site in sites
            ]
        )
        racers = await asyncio.gather(
            *(
                _ask(stage, site, lead[0][1], due_ms, offset, ("POST", f"{self._path(n)}/pause", REASON))
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


class Settings:
    """PATCH of an agent to another pool of caller ids, and of its trunk to a pause, by turns.

    The caller id that a call shows tells under which settings it was armed.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = _Due(stage)
        self._pool: dict[int, int] = {}

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        if not self._pool:
            await asyncio.gather(*(self._route(n, site) for n, site in enumerate(stage.sites)))
        due_ms, leads = await self._due.enrol(lambda due_ms: [stage.enrol(site, 1, due_ms) for site in sites])
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
                stage.ask(site, "PATCH", self._trunk(site), {"paused": False})
                for n, site in enumerate(sites)
                if n % 2
            )
        )
        return list(racers)

    async def _route(self, number: int, site: Site) -> None:
        self._pool[site.account_id] = 0
        ids = self._stage.ids
        route = (
            {"trunk_id": ids.write("trk", site.trunk_id)}
            if number % 2
            else {"caller_id_pool_id": ids.write("cip", site.pools[0])}
        )
        await self._stage.ask(site, "PATCH", f"/v1/agents/{ids.write('agt', site.agent_id)}", route)

    async def _change(self, number: int, site: Site, loop_id: int, due_ms: Ms, offset_ms: int) -> Racer:
        stage, ids = self._stage, self._stage.ids
        if number % 2:
            request = ("PATCH", self._trunk(site), {"paused": True})
            return await _ask(stage, site, loop_id, due_ms, offset_ms, request)
        was = self._pool[site.account_id]
        self._pool[site.account_id] = 1 - was
        body = {"caller_id_pool_id": ids.write("cip", site.pools[1 - was])}
        path = f"/v1/agents/{ids.write('agt', site.agent_id)}"
        racer = await _ask(stage, site, loop_id, due_ms, offset_ms, ("PATCH", path, body))
        racer.forbids = lambda arrival: arrival.caller_id == POOL_NUMBERS[was]
        return racer

    def _trunk(self, site: Site) -> str:
        return f"/v1/trunks/{self._stage.ids.write('trk', site.trunk_id)}"


class Cancel:
    """POST …/cancel of a batch of one lead."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = _Due(stage)
        self._made = 0

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        self._made += 1
        batches = [await _a_batch(stage, site, f"races {self._made}") for site in sites]
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
                    _ask(stage, site, lead[0][1], due_ms, offset, ("POST", path, None))
                    for site, lead, offset, path in zip(sites, leads, offsets, paths, strict=True)
                )
            )
        )


class WindowEnd:
    """The hours end. What counts as the acknowledgement is the end of the last permit, a minute before.

    Every round is a working day of its own: the leads are enrolled in the afternoon, kept off the wheel, and
    come onto it around the instant at which permits end.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._day = datetime.fromtimestamp(TUESDAY_2PM / SECOND, NEW_YORK).date()

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage, clock = self._stage, self._stage.clock
        sites = stage.sites[: len(offsets)]
        closes = datetime(self._day.year, self._day.month, self._day.day, 18, tzinfo=NEW_YORK)
        closes_ms = round(closes.timestamp() * SECOND)
        self._day += timedelta(days=3 if self._day.weekday() == 4 else 1)
        end_ms, due_ms = closes_ms - CLOSE_MARGIN_MS, closes_ms - 4 * MINUTE
        clock.leap_to(due_ms - MINUTE)
        found = await asyncio.gather(*(stage.enrol(site, 1, due_ms) for site in sites))
        loops = [lead[0][1] for lead in found]
        places = await self._places(loops, due_ms)
        wheel = stage.stores.flow.wheel
        await wheel.withdraw([(p.shard, p.lane_id, p.loop_id) for p in places.values()], clock.now_ms())
        clock.leap_to(end_ms - 250)
        await stage.services.calendars.step(clock.now_ms())

        async def one(loop_id: int, offset_ms: int) -> Racer:
            await stage.until(end_ms + offset_ms)
            asked_s = time.monotonic()
            await wheel.place([places[loop_id]], clock.now_ms())
            ends_s = time.monotonic() + clock.seconds_until(end_ms + 1)
            return Racer(loop_id, offset_ms, asked_s, ends_s, end_ms, asked=False)

        racers = await asyncio.gather(
            *(one(loop_id, offset) for loop_id, offset in zip(loops, offsets, strict=True))
        )
        await stage.until(end_ms + 100)
        await stage.nothing_under_way()
        await self._nothing_armed(loops)
        await self._end(loops)
        for racer in racers:
            racer.until_s = time.monotonic()  # the next day begins
        return list(racers)

    async def _nothing_armed(self, loops: list[int]) -> None:
        """What was held back at the gate is written down."""
        armed = "SELECT FROM attempt WHERE loop_id = ANY($1) AND state = 'armed'"
        while await self._stage.rows(armed, loops):  # noqa: ASYNC110 - the ledger is asked
            await asyncio.sleep(0.01)

    async def _places(self, loops: list[int], due_ms: Ms) -> dict[int, Placing]:
        rows = await self._stage.rows("SELECT loop_id, lane_id FROM loop WHERE loop_id = ANY($1)", loops)
        return {row["loop_id"]: Placing(0, row["lane_id"], row["loop_id"], due_ms, 0) for row in rows}

    async def _end(self, loops: list[int]) -> None:
        """Who was not called is not to be called on a later day, in the middle of another round."""
        stage = self._stage
        rows = await stage.rows(
            "UPDATE loop SET status = 'ended', end_reason = 'removed', ended_at = $2, next_at = NULL,"
            " open_until = NULL WHERE loop_id = ANY($1) AND status = 'scheduled' RETURNING loop_id, lane_id",
            loops,
            to_datetime(stage.clock.now_ms()),
        )
        await stage.stores.flow.wheel.withdraw(
            [(0, row["lane_id"], row["loop_id"]) for row in rows], stage.clock.now_ms()
        )


KINDS: dict[str, type[Kind]] = {
    "opt-out": OptOut,
    "pause": Pause,
    "settings": Settings,
    "cancel": Cancel,
    "window-end": WindowEnd,
}


async def _ask(
    stage: Stage, site: Site, loop_id: int, due_ms: Ms, offset_ms: int, request: tuple[str, str, Any]
) -> Racer:
    await stage.until(due_ms + offset_ms)
    asked_s = time.monotonic()
    acked_s = await stage.ask(site, *request)
    return Racer(loop_id, offset_ms, asked_s, acked_s, stage.clock.now_ms())


async def _a_batch(stage: Stage, site: Site, name: str) -> int:
    return await create_batch(
        stage.stores.flow, account_id=site.account_id, agent_id=site.agent_id, name=name, priority="live",
        throttle=Throttle(), actor=ACTOR, now_ms=stage.clock.now_ms(),
    )  # fmt: skip
