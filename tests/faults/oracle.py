"""The provider that counts: a process of its own.

It speaks what the simulator speaks and keeps, apart from everything of ours, a line for each request that
rang a phone: when it arrived on the wall and on the monotonic clock, which attempt, which person (numbered,
so that the file holds no phone). A request rings before its answer is spoilt: what dialwheel cannot know
stands here.

It tells its parent `READY <port>`. `PUT /oracle/faults` sets what happens from then on,
`GET /oracle/hits` tells how often each did.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

import msgspec
from aiohttp import web

from api.sim_server import make_sim_app
from dialer.providers.base import Action, MayLeave, PlaceResult, always
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import quiet
from scheduler.domain.time import Ms
from tests.faults.clocks import OffsetClock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """Shares (0 to 1) of the requests that place calls, and of the events handed out.

    `drop`: rings, then the connection ends without an answer. `error`: rings, then 503. `slow`: rings, then
    no answer for `slow_s`. `garbage`: rings, then a 200 that cannot be read. `edge`: rings nobody, a 502 of
    something in between. `busy`: rings nobody, 429. `linger`: rings, answers rightly after `linger_s`.
    `again`: an event is told once more, under another id; `late`: only after `late_s`; `forged`: an event of
    an attempt that never was. `blind`: a look-up is answered 503; one sees nothing of a call for `lag_s`.
    Counted besides: `early`, events told before the answer to their request; `found`, `absent`, `unclear`,
    what look-ups were told.
    """

    drop: float = 0.0
    error: float = 0.0
    slow: float = 0.0
    slow_s: float = 2.0
    garbage: float = 0.0
    edge: float = 0.0
    busy: float = 0.0
    linger: float = 0.0
    linger_s: float = 0.5
    again: float = 0.0
    late: float = 0.0
    late_s: float = 5.0
    forged: float = 0.0
    blind: float = 0.0
    lag_s: float = 0.0


class OracleConfig(msgspec.Struct):
    """`history`: the file of dials; `model`: changes to a quiet simulator."""

    history: str
    offset_ms: Ms
    seed: int = 1
    model: dict[str, Any] = {}


class Dial(msgspec.Struct, frozen=True, tag="dial"):
    """One line of the history: a request that rang. `person` numbers the phones in order of appearance;
    `ends_ms` is when the call is over, on the Clock."""

    wall_ms: Ms
    monotonic_ms: int
    clock_ms: Ms
    ends_ms: Ms
    attempt_id: int
    key: str
    number: int
    person: int
    zones: tuple[str, ...]
    regions: tuple[str, ...]
    request: int


class HungUp(msgspec.Struct, frozen=True, tag="hung_up"):
    """A call was ended by us before its time."""

    key: str
    at_ms: Ms


class CountingProvider(SimulatedProvider):
    """The simulator, with a history beside its own ledger of rings."""

    def __init__(self, config: OracleConfig) -> None:
        super().__init__(config.seed, quiet(**config.model), RingLedger())
        self._history = os.open(config.history, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._people: dict[str, int] = {}
        self.request = 0

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        self.request += 1
        results = []
        for action in actions:
            rings, live = self.rings.total, len(self._live)
            results += await super().place([action], now_ms)
            if self.rings.total > rings:
                last = next(reversed(self._live.values())) if len(self._live) > live else None
                self._write(action, now_ms, now_ms if last is None else last.ended.at_ms)
        return results

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        for ref in refs:
            call = self._live.get(ref)
            if call is not None and call.ended.at_ms > now_ms:
                self._append(HungUp(str(call.ended.key), now_ms))
        await super().hang_up(refs, now_ms)

    def _append(self, line: Dial | HungUp) -> None:
        os.write(self._history, msgspec.json.encode(line) + b"\n")

    def _write(self, action: Action, now_ms: Ms, ends_ms: Ms) -> None:
        place = self._place_of(action.to)
        dial = Dial(
            wall_ms=time.time_ns() // 1_000_000,
            monotonic_ms=time.monotonic_ns() // 1_000_000,
            clock_ms=now_ms,
            ends_ms=ends_ms,
            attempt_id=action.attempt_id,
            key=str(action.key),
            number=action.number,
            person=self._people.setdefault(action.to, len(self._people) + 1),
            zones=place.zones,
            regions=place.regions,
            request=self.request,
        )
        self._append(dial)


class Spoiler:
    """Spoils answers after the fact, as told, from the seed."""

    def __init__(self, provider: CountingProvider, seed: int) -> None:
        self.faults = Faults()
        self.hits: Counter[str] = Counter()
        self._provider = provider
        self._dice = random.Random(seed)
        self._told: list[dict[str, Any]] = []
        self._held: dict[str, float] = {}  # event id -> monotonic instant before which it is not told
        self._answering: set[int] = set()  # attempts whose request is not answered yet

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and request.path == "/sim/calls":
            return await self._calls(request, handler)
        if request.method == "POST" and request.path == "/sim/lookups":
            return await self._lookups(request, handler)
        if request.method == "GET" and request.path == "/sim/events":
            return await self._events(request, handler)
        return await handler(request)

    async def _calls(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fate = self._draw("edge", "busy", "drop", "error", "slow", "garbage", "linger")
        if fate == "edge":
            return web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html")
        if fate == "busy":
            return web.Response(status=429, headers={"Retry-After": "1"}, text="{}")
        asked = {item["attempt_id"] for item in msgspec.json.decode(await request.read())["actions"]}
        self._answering |= asked
        try:
            return await self._answer(request, await handler(request), fate)
        finally:
            self._answering -= asked

    async def _answer(
        self, request: web.Request, response: web.StreamResponse, fate: str | None
    ) -> web.StreamResponse:
        if fate == "drop":
            assert request.transport is not None
            request.transport.abort()
        elif fate == "error":
            return web.Response(status=503, text="upstream gone")
        elif fate == "slow":
            await asyncio.sleep(self.faults.slow_s)
        elif fate == "linger":
            await asyncio.sleep(self.faults.linger_s)
        elif fate == "garbage":
            return web.Response(status=200, body=b"\xff{not json", content_type="application/json")
        return response

    async def _lookups(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._draw("blind"):
            return web.Response(status=503, text="upstream gone")
        self._provider.see_after(self.faults.lag_s)
        response = await handler(request)
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        for found in msgspec.json.decode(response.body)["found"]:
            self.hits[{"call": "found", "none": "absent", "unclear": "unclear"}[found["found"]]] += 1
        return response

    async def _events(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        answer = msgspec.json.decode(response.body)
        fresh = [event for event in answer.get("events", ()) if not self._is_held(event["event_id"])]
        for event in fresh:
            self.hits["early"] += event["attempt_id"] in self._answering
            if self._dice.random() < self.faults.again:
                self.hits["again"] += 1
                self._told.append({**event, "event_id": f"{event['event_id']}-again-{self.hits['again']}"})
        self._dice.shuffle(self._told)
        extra, self._told = self._told[:50], self._told[50:]
        if fresh and self._dice.random() < self.faults.forged:
            self.hits["forged"] += 1
            extra.append({**fresh[0], "event_id": f"forged-{self.hits['forged']}", "attempt_id": 1 << 60})
        events = fresh + extra
        self._dice.shuffle(events)
        answer["events"] = events
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    def _is_held(self, event_id: str) -> bool:
        if event_id not in self._held:
            late = self._dice.random() < self.faults.late
            self.hits["late"] += late
            self._held[event_id] = time.monotonic() + self.faults.late_s if late else 0.0
        return time.monotonic() < self._held[event_id]

    def _draw(self, *names: str) -> str | None:
        point = self._dice.random()
        for name in names:
            point -= getattr(self.faults, name)
            if point < 0:
                self.hits[name] += 1
                return name
        return None


def oracle_app(config: OracleConfig) -> web.Application:
    """The simulator's own application behind the spoiler, and the two addresses that steer it."""
    provider = CountingProvider(config)
    spoiler = Spoiler(provider, config.seed)
    app = make_sim_app(provider, OffsetClock(config.offset_ms))
    app.middlewares.insert(0, spoiler.middleware)

    async def set_faults(request: web.Request) -> web.Response:
        spoiler.faults = msgspec.json.decode(await request.read(), type=Faults)
        return web.Response(status=204)

    async def hits(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(spoiler.hits), content_type="application/json")

    app.router.add_put("/oracle/faults", set_faults)
    app.router.add_get("/oracle/hits", hits)
    return app


def run(config: bytes, pipe: Connection) -> None:
    """Entry of the forked process."""
    logging.disable()  # lines that are cut in the middle of a request are what this is for
    asyncio.run(_main(msgspec.json.decode(config, type=OracleConfig), pipe))


async def _main(config: OracleConfig, pipe: Connection) -> None:
    runner = web.AppRunner(oracle_app(config), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(f"READY {runner.addresses[0][1]}")
    await asyncio.Event().wait()
