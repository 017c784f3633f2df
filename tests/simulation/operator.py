"""The people of a world: they enrol leads, take opt-outs, pause, resume and change settings.

What is not answered they ask again, of another process. Only what was answered has been promised.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from scheduler.errors import DialwheelError, Refused
from scheduler.flow.enrol import enrol
from scheduler.flow.opt_out import MARGIN, opt_out
from scheduler.flow.pause import Scope, pause, resume
from scheduler.ledger.audit import Actor
from tests.simulation.network import Done
from tests.simulation.oracle import CLOSE_MARGIN_S
from tests.simulation.process import Process
from tests.simulation.setting import ENTRIES, SETTINGS

if TYPE_CHECKING:
    from tests.simulation.world import World

ACTOR = Actor("simulation")
ACCOUNT = Scope("account", 1, 1)
PATIENCE_S = 40.0

PLANNED_BEFORE_CLOSE_S = 61.0
"""Before the last instant of a permit: what is planned later is planned for the next day."""


class Operator:
    """One after another, at instants drawn from the seed. `enrolled`: phones whose enrolment was answered."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._pausing = False
        self.enrolled: set[str] = set()

    async def work(self, seconds: float) -> None:
        """Within so much virtual time; what was begun then is finished."""
        world, rng = self._world, self._rng
        plans: list[tuple[float, str, Any]] = []
        leads = ENTRIES[: rng.randint(3, 6)]
        last_s = world.oracle.limits.closes_s - CLOSE_MARGIN_S
        together_s = seconds * 0.5 * rng.random() ** 2 if rng.random() < 0.5 else None
        for entry in leads:
            at_s = (
                seconds * 0.5 * rng.random() ** 2 if together_s is None else together_s + 0.3 * rng.random()
            )
            if last_s < seconds and rng.random() < 0.7:
                at_s = max(0.0, last_s - PLANNED_BEFORE_CLOSE_S - 20.0 * rng.random())  # not all get through
            plans.append((at_s, "enrol", entry))
            if rng.random() < 0.4:
                when_s = at_s + rng.uniform(-0.01, 0.02) if rng.random() < 0.2 else seconds * rng.random()
                plans.append((max(0.0, when_s), rng.choice(("opt_out", "race")), entry))
        for _ in range(rng.choice((0, 0, 1, 2))):
            plans.append((seconds * rng.random(), "pause", rng.choice((None, *leads))))
        for _ in range(rng.choice((0, 0, 1, 2))):
            plans.append((seconds * rng.random(), "settings", None))
        tasks = [
            world.loop.create_task(self._at(at_s, what, about))
            for at_s, what, about in sorted(plans, key=lambda p: p[:2])
        ]
        for task in tasks:
            await task

    async def _at(self, at_s: float, what: str, about: Any) -> None:
        await asyncio.sleep(at_s)
        works: dict[str, Callable[[Any], Awaitable[None]]] = {
            "enrol": self._enrol,
            "opt_out": self._opt_out,
            "race": self._race,
            "pause": self._pause,
            "settings": self._settings,
        }
        await works[what](about)

    async def _race(self, entry: Any) -> None:
        """The opt-out just when the lead is due, while an import that names the lead has its row locked: so
        the arm and the opt-out wait side by side."""
        await self._about_due(entry)
        world, rng = self._world, self._rng
        ledger = world.ledger
        session, ignored = ledger.connect(), Done(world.loop, None, 0.0)
        ledger.begin(session, ignored)
        ledger.run(session, "enrol_lock", (1, [entry.phone], []), ignored)
        world.loop.post(rng.uniform(0.005, 0.06), ledger.end, session, True, ignored)
        if rng.random() < 0.5:
            world.carrier.sluggish_until_s = world.loop.now_s + 0.2
        await asyncio.sleep(0.03 * rng.random())
        await self._opt_out(entry)

    async def _about_due(self, entry: Any) -> None:
        """Return a moment before the lead's next attempt, if there is one soon."""
        world, rng = self._world, self._rng
        store, now_ms = world.ledger.store, world.base_ms + world.loop.now_s * 1000
        for loop in store.tables["loop"].values():
            lead = store.tables["lead"].get(loop["lead_id"], {})
            if loop["next_at"] is not None and lead.get("phone") == entry.phone:
                wait_s = (loop["next_at"].timestamp() * 1000 - now_ms) / 1000
                if 0 < wait_s < 120:
                    await asyncio.sleep(max(0.0, wait_s + rng.uniform(-0.02, 0.01)))

    async def _enrol(self, entry: Any) -> None:
        async def work(process: Process) -> None:
            await enrol(
                process.flow, account_id=1, agent_id=1, entries=[entry], now_ms=process.clock.now_ms()
            )

        if await self._asked(work):
            self.enrolled.add(entry.phone)
            self._world.history.said("enrolled", entry.external_id)

    async def _opt_out(self, entry: Any) -> None:
        world = self._world

        async def work(process: Process) -> None:
            async def hang_up(refs: list[str]) -> None:
                world.history.count("an opt-out hung up a call")
                await process.provider.hang_up(refs, process.clock.now_ms())

            await opt_out(
                process.flow, process.clock, hang_up, account_id=1, phone=entry.phone, reason="asked",
                source="api", actor=ACTOR, permit_s=SETTINGS.permit_s,
            )  # fmt: skip

        if await self._asked(work):
            world.oracle.opted_out.setdefault(entry.phone, world.loop.now_s)
            world.history.said("opted out", entry.external_id)

    async def _pause(self, entry: Any) -> None:
        """Just when a lead is due, if one is named."""
        world, rng = self._world, self._rng
        if entry is not None:
            await self._about_due(entry)

        async def stop(process: Process) -> None:
            await pause(
                process.flow, process.clock, ACCOUNT, reason=None, actor=ACTOR, permit_s=SETTINGS.permit_s
            )

        if self._pausing:
            return
        self._pausing = True
        if await self._asked(stop):
            world.oracle.paused = True
            world.history.said("paused")
            world.history.count("a pause was acknowledged")
            await asyncio.sleep(5.0 + 40.0 * rng.random())
        world.oracle.paused = False
        await self.resume()
        self._pausing = False

    async def resume(self) -> None:
        async def go_on(process: Process) -> None:
            await resume(process.flow, process.clock, ACCOUNT, spread_over_s=30, actor=ACTOR)

        while not await self._asked(go_on):  # noqa: ASYNC110
            await asyncio.sleep(1.0)
        self._world.history.said("resumed")

    async def _settings(self, _: Any) -> None:
        """Another version, as every change of settings makes one: committed, and answered when permits of
        before are void."""
        world = self._world
        store = world.ledger.store
        agent = store.tables["agent"][1]
        version = agent["policy_version"] + 1
        store.tables["agent"] = {1: {**agent, "policy_version": version}}
        if world.ledger.tape is not None:
            world.ledger.tape.append(("settings", 0, version))
        world.history.said("settings", version)
        await asyncio.sleep(2.0 * MARGIN)
        world.oracle.policy_version = max(world.oracle.policy_version, version)

    async def _asked(self, work: Callable[[Process], Awaitable[None]]) -> bool:
        """Ask until it is answered; False where the answer is that it cannot be."""
        world, rng = self._world, self._rng
        while True:
            alive = [process for process in world.processes if process.alive]
            if alive:
                answer = rng.choice(alive).ask(work)
                try:
                    await asyncio.wait_for(answer, PATIENCE_S)
                except Refused:
                    return False
                except (DialwheelError, ConnectionResetError, TimeoutError):
                    pass
                else:
                    return True
            await asyncio.sleep(0.5 + 2.0 * rng.random())
