"""`python -m bench planner`: the time of a plan with warm caches, and of planning a million loops anew.

Pure: no servers. The leads live in sixty regions; half have made attempts already, as in a running system.
"""

from __future__ import annotations

import resource
import time
from typing import Any

import msgspec

from bench.fiction import area_codes
from bench.path import MONDAY_NOON_MS
from scheduler.domain.model import AttemptKind, Lead, Loop, Outcome, Place, Policy, Priority, Result
from scheduler.domain.numbers import place_of
from scheduler.domain.planner import fold, plan
from scheduler.domain.presets import PRESETS
from scheduler.domain.time import HOUR, Ms
from scheduler.domain.windows import BUSINESS_WEEK

REGIONS = 60
BASE = Policy(version=1, strategy="followup", zone="America/New_York", windows=BUSINESS_WEEK, seed=1)


def run(leads: int, loops: int) -> dict[str, Any]:
    """Microseconds a plan by preset over `leads` leads, and the seconds that `loops` replans take."""
    places = _places()
    by_preset = {}
    for name, preset in sorted(PRESETS.items()):
        work = _work(preset.policy(BASE), places, leads)
        _plan_all(work[: leads // 10])  # warm: every place and day has been looked at
        by_preset[name] = round(_plan_all(work) / leads * 1e6, 1)
    work = _work(PRESETS["followup"].policy(BASE), places, leads)
    rounds = -(-loops // leads)
    seconds = sum(_plan_all(work) for _ in range(rounds))
    return {
        "bench": "planner",
        "leads": leads,
        "regions": len(places),
        "us_per_plan": by_preset,
        "replanned": rounds * leads,
        "replan_s": round(seconds, 2),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _places() -> list[Place]:
    """Sixty places, no two with the same regions and zones."""
    found = dict.fromkeys(place_of(f"+1{area}5550100") for area in area_codes())
    return list(found)[:REGIONS]


def _work(
    policy: Policy, places: list[Place], leads: int
) -> list[tuple[Loop, Policy, Lead, Result | None, Ms]]:
    """Every second loop is fresh, the others were called once or twice and not reached."""
    work = []
    for n in range(leads):
        started_ms = MONDAY_NOON_MS + n % 3600 * 1000
        lead = Lead(
            f"lead-{n}", places[n % len(places)], Priority.BULK, appointment_at_ms=started_ms + 72 * HOUR
        )
        loop, last, now_ms = Loop(started_at_ms=started_ms), None, started_ms
        for attempt in range(n % 4 // 2 * (1 + n % 3 % 2)):
            kind = AttemptKind.FIRST if attempt == 0 else AttemptKind.CADENCE
            last = Result(Outcome.NOT_REACHED, now_ms + 25_000, kind, step=loop.step)
            loop = fold(loop, last, now_ms)
            lead = msgspec.structs.replace(lead, contacts=(*lead.contacts, now_ms + 25_000))
            now_ms += 3 * HOUR
        work.append((loop, policy, lead, last, now_ms))
    return work


def _plan_all(work: list[tuple[Loop, Policy, Lead, Result | None, Ms]]) -> float:
    """Seconds of this process' own time."""
    began_s = time.process_time()
    for loop, policy, lead, last, now_ms in work:
        plan(loop, policy, lead, last, now_ms)
    return time.process_time() - began_s
