"""What the tests of the planner share: places, policies, loops, and a lead's way played to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from whenever import Instant

from scheduler.domain.localtime import clock_text, day_of
from scheduler.domain.model import (
    AttemptKind,
    Cadence,
    Ended,
    EndReason,
    Lead,
    Loop,
    Outcome,
    Place,
    Plan,
    Planned,
    Policy,
    Priority,
    Range,
    Result,
    Step,
    Waiting,
    Week,
)
from scheduler.domain.planner import fold, plan
from scheduler.domain.time import SECOND, Ms
from scheduler.domain.windows import BUSINESS_WEEK

NEW_YORK = Place(("America/New_York",), ("US-NY",), ("America/New_York",), "number")
MIAMI = Place(("America/New_York",), ("US-FL",), ("America/New_York",), "number")
PHOENIX = Place(("America/Phoenix",), ("US-AZ",), ("America/Phoenix",), "number")
DENVER = Place(("America/Denver",), ("US-CO",), ("America/Denver",), "number")
BANGOR = Place(("America/New_York",), ("US-ME",), ("America/New_York",), "number")

ROUND_THE_CLOCK: Week = ((Range(0, 1440),),) * 7


def instant(text: str) -> Ms:
    """2026-11-23T14:00:00Z as ms."""
    return Instant.parse_iso(text).timestamp(unit="millisecond")


def local(place: Place, at_ms: Ms) -> str:
    """Mon 2026-11-23 09:00, where the lead is."""
    return clock_text(place.own_zones[0], at_ms).rsplit(" ", 1)[0]


def a_policy(**changes: Any) -> Policy:
    settings: dict[str, Any] = {
        "version": 1,
        "strategy": "followup",
        "zone": "America/New_York",
        "windows": BUSINESS_WEEK,
        "seed": 7,
    }
    return Policy(**(settings | changes))


def a_smart_policy(**changes: Any) -> Policy:
    settings = {"strategy": "smart", "max_attempts": None, "max_retry_days": 7, "stop_on": "reached"}
    return a_policy(**(settings | changes))


def a_cadence_policy(*steps: Step, cadence: dict[str, Any] | None = None, **changes: Any) -> Policy:
    """A policy of these steps; `cadence`: other settings of the cadence."""
    settings = {
        "strategy": "cadence",
        "max_attempts": None,
        "stop_on": "reached",
        "cadence": Cadence(steps=steps, **(cadence or {})),
        "jitter_max_s": 0,
        "frequency_caps": (),
    }
    return a_policy(**(settings | changes))


def a_lead(place: Place = NEW_YORK, **changes: Any) -> Lead:
    return Lead(**({"key": "lead-1", "place": place} | changes))


def a_live_lead(place: Place = NEW_YORK, **changes: Any) -> Lead:
    return a_lead(place, priority=Priority.LIVE, **changes)


def first_plan(policy: Policy, lead: Lead, at: str) -> Plan:
    return plan(Loop(instant(at)), policy, lead, None, instant(at))


def planned(found: Plan) -> Planned:
    assert isinstance(found, Planned), found
    return found


def ended(found: Plan) -> EndReason:
    assert isinstance(found, Ended), found
    return found.reason


def rules_told(found: Planned | Ended) -> list[tuple[str, str]]:
    return [(why.rule, why.effect) for why in found.why]


class Journey:
    """One lead's way: each planned attempt is dialled when it is due and ends 30 s later; a person who is
    waited for never answers."""

    def __init__(self, policy: Policy, lead: Lead, at: str) -> None:
        self.policy, self.lead = policy, lead
        self.loop = Loop(instant(at))
        self.last: Result | None = None
        self.now_ms = instant(at)
        self.plans: list[Planned] = []

    def look(self) -> Plan:
        return plan(self.loop, self.policy, self.lead, self.last, self.now_ms)

    def dial(self, outcome: Outcome = Outcome.NOT_REACHED, **result: Any) -> Planned:
        """Dial what is planned and take this result."""
        found = self.look()
        if isinstance(found, Waiting):
            assert found.then is not None
            self.now_ms = found.until_ms
            found = self.look()
        attempt = planned(found)
        self.plans.append(attempt)
        self.take(attempt, attempt.at_ms, attempt.kind, outcome, **result)
        return attempt

    def call_by_hand(self, outcome: Outcome = Outcome.NOT_REACHED, **result: Any) -> None:
        """A person of ours calls now, beside the plan."""
        found = self.look()
        step = found.step if isinstance(found, Planned) else 0
        self.take(step, self.now_ms, AttemptKind.MANUAL, outcome, **result)

    def take(self, of: Planned | int, at_ms: Ms, kind: AttemptKind, outcome: Outcome, **result: Any) -> None:
        """The result of an attempt at `at_ms`."""
        step, run = (of.step, of.run) if isinstance(of, Planned) else (of, self.loop.run)
        self.now_ms = at_ms + 30 * SECOND
        self.last = Result(outcome, self.now_ms, kind, step=step, run=run, **result)
        self.loop = fold(self.loop, self.last, at_ms)
        contacts = (*self.lead.contacts, at_ms + 25 * SECOND)
        self.lead = msgspec.structs.replace(self.lead, contacts=contacts)

    def play(self, outcome_of: Callable[[int], Outcome] = lambda _n: Outcome.NOT_REACHED) -> EndReason:
        """Dial until the loop ends; answers why it did."""
        while not isinstance(self.look(), Ended):
            self.dial(outcome_of(len(self.plans) + 1))
            assert len(self.plans) < 200
        return ended(self.look())


def day_numbers(journey: Journey) -> list[int]:
    """The date of each attempt where the lead is."""
    zone = journey.lead.place.own_zones[0]
    return [day_of(zone, at_ms) for at_ms in journey.loop.history]
