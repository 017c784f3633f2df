"""The provider of the simulation: it answers as badly as the seed has it, and knows every phone that rang.

What it records is the truth that the promises are judged by. It never looks at the ledger or the wheel.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from dialer.providers.base import Accepted, Action, NotDialled, PlaceResult, ProviderEvent, Unknown
from scheduler.domain.time import Ms
from scheduler.flow.lookup import CannotSay, Found, FoundCall, Lookup, NoCall
from tests.simulation.calls import GOOD_MANNERS, Call, draw_call
from tests.simulation.history import History
from tests.simulation.loop import Machine, SimulatedLoop
from tests.simulation.network import Broken, Done, Server


class Carrier(Server):
    """The provider's side. `on_dial` is told of each phone that rings, before anybody is answered."""

    def __init__(
        self,
        loop: SimulatedLoop,
        rng: random.Random,
        base_ms: Ms,
        on_dial: Callable[[Call], None],
        history: History,
        strike: Callable[[Machine], None],
    ) -> None:
        super().__init__("carrier")
        self.history = history
        self._strike = strike
        self.loop = loop
        self._rng = rng
        self._base_ms = base_ms
        self._on_dial = on_dial
        self.manners = GOOD_MANNERS
        self.sluggish_until_s = 0.0
        """Until when every connection takes its time: what is armed then is not sent for a while."""
        self.calls: list[Call] = []
        self._due: list[tuple[float, ProviderEvent]] = []
        self._told: set[str] = set()

    async def connect(self, machine: Machine) -> None:
        """A new connection: slow at times, and a good moment to freeze."""
        drawn = self._rng.random()
        if self.loop.now_s < self.sluggish_until_s:
            await asyncio.sleep(1.8 * self._rng.random())
        elif drawn < self.manners.slow / 2:
            await asyncio.sleep(3.0 * self._rng.random())
        elif drawn < self.manners.slow:
            self.loop.post(0.0, self._strike, machine)
            await asyncio.sleep(0.001)

    # -- as the network reaches it -------------------------------------------------------------------

    def place(self, actions: list[Action], done: Done) -> None:
        """Each action has its own fate; one whose answer is lost takes the group's answer with it."""
        answers: list[PlaceResult] = []
        lost: str | None = None
        slow_s = 0.0
        for action in actions:
            answer, fate = self._answer(action)
            answers.append(answer)
            lost = lost or (fate if fate in ("mute", "resets", "garbage") else None)
            slow_s = max(slow_s, 1.0 + 10.0 * self._rng.random() if fate == "slow" else 0.0)
        if lost == "mute":
            return
        if lost == "resets":
            done.fail(Broken(at_once=True))
        elif lost == "garbage":
            done(answers[:-1] if self._rng.random() < 0.5 else None)
        elif slow_s:
            self.loop.post(slow_s, done, answers)
        else:
            done(answers)

    def _answer(self, action: Action) -> tuple[PlaceResult, str]:
        if action.arrive_by_ms is not None and self._ms(self.loop.now_s) > action.arrive_by_ms:
            self.history.count("a request came too late to be dialled")
            return NotDialled("it came too late", "permit", retry_after_s=0.0), "late"
        fate = self._fate()
        if fate == "fails" or (fate == "resets" and self._rng.random() < 0.5):
            return Unknown("an answer of 503"), fate
        if fate == "busy":
            self.history.said("busy", action.attempt_id)
            return NotDialled("429", "route", retry_after_s=1.0 + 20 * self._rng.random()), fate
        ref = self._dial(action)
        return (Unknown("an answer of 502") if fate == "denies" else Accepted(ref)), fate

    def _fate(self) -> str:
        drawn, manners = self._rng.random(), self.manners
        for name in ("mute", "denies", "fails", "busy", "resets", "garbage", "slow"):
            drawn -= getattr(manners, name)
            if drawn < 0:
                return name
        return "fair"

    def _dial(self, action: Action) -> str:
        rng = self._rng
        call = draw_call(action, f"call-{len(self.calls) + 1}", self.loop.now_s, rng)
        self.calls.append(call)
        self._on_dial(call)
        if rng.random() >= self.manners.silent:
            self._report(action, call)
        return call.ref

    def _report(self, action: Action, call: Call) -> None:
        rang_until_ms = self._ms(call.rang_until_s)
        self._event(action, call, "ringing", call.began_s + 0.01)
        if call.answered_s is not None:
            self._event(action, call, "answered", call.answered_s, rang_until_ms=rang_until_ms)
        self._event(
            action,
            call,
            "ended",
            call.ends_s,
            outcome=call.outcome,
            disposition=call.disposition,
            callback_at_ms=None if call.callback_s is None else self._ms(call.callback_s),
            rang_until_ms=rang_until_ms,
            talk_s=int(call.talks_s) or None,
        )

    def _event(self, action: Action, call: Call, kind: str, at_s: float, **said: Any) -> None:
        rng, manners = self._rng, self.manners
        event = ProviderEvent(
            f"{call.ref}-{kind}", action.key, action.attempt_id, call.ref, kind, self._ms(at_s), **said
        )
        late_s = 0.0
        if rng.random() < manners.late:
            late_s = rng.choice((1.0, 20.0, 200.0)) * rng.random()
        times = 1 + (rng.randrange(1, 5) if rng.random() < manners.doubled else 0)
        if times > 1:
            self.history.count("a report was doubled")
        for _ in range(times):
            self._due.append((at_s + late_s, event))

    def hang_up(self, refs: list[str], done: Done) -> None:
        for call in self.calls:
            if call.ref in refs and call.ends_s > self.loop.now_s:
                call.ends_s = self.loop.now_s
                for at, (due_s, event) in enumerate(self._due):
                    if event.ref == call.ref and due_s > self.loop.now_s:
                        self._due[at] = (self.loop.now_s, event)
        done(None)

    def events(self, limit: int, done: Done) -> None:
        now_s = self.loop.now_s
        due = [event for at_s, event in self._due if at_s <= now_s]
        self._rng.shuffle(due)
        self._told.update(event.event_id for event in due)
        done(due[:limit])

    def acknowledge(self, event_ids: list[str], done: Done) -> None:
        gone = set(event_ids)
        self._due = [entry for entry in self._due if entry[1].event_id not in gone]
        done(None)

    def find(self, attempts: list[Lookup], done: Done) -> None:
        """What it knows of these; that there was no call it can prove, for it refuses what comes too late."""
        now_s = self.loop.now_s
        done([self._found(each, now_s) for each in attempts])

    def _found(self, lookup: Lookup, now_s: float) -> Found:
        call = next((call for call in self.calls if call.key == lookup.key), None)
        if self._rng.random() < 0.1:
            return CannotSay()
        if call is None:
            return NoCall() if self._ms(now_s) > lookup.arrive_by_ms else CannotSay()
        over = now_s >= call.ends_s
        answered = call.answered_s is not None and now_s >= call.answered_s
        return FoundCall(
            ref=call.ref,
            state="in_call" if answered else "ringing",
            outcome=call.outcome if over else None,
            ended_at_ms=self._ms(call.ends_s) if over else None,
            answered_at_ms=self._ms(call.answered_s) if call.answered_s is not None and answered else None,
            rang_until_ms=self._ms(min(now_s, call.rang_until_s)),
            talk_s=int(call.talks_s) if over else None,
            disposition=call.disposition if over else None,
            callback_at_ms=self._ms(call.callback_s) if over and call.callback_s is not None else None,
        )

    def next_event_s(self) -> float | None:
        """When the next event is due that nobody was told of."""
        return min((at_s for at_s, event in self._due if event.event_id not in self._told), default=None)

    def talking(self, now_s: float) -> list[Call]:
        return [call for call in self.calls if call.began_s <= now_s < call.ends_s]

    def _ms(self, at_s: float) -> Ms:
        return self._base_ms + int(at_s * 1000)
