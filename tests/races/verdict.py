"""What came of races: who was called when, against when it was forbidden."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from scheduler.ledger.instants import to_ms
from tests.faults.hours import is_lawful
from tests.races.kinds import OFFSETS_MS, RACERS
from tests.races.racer import Kind, Racer
from tests.races.stage import Arrival, Stage


class Verdict(msgspec.Struct):
    """`dials`: when calls reached the provider, against the request that forbids them and its answer.

    `overlapped`: races in which a permit was given before the answer, and the call was not at the provider
    when that was asked for. `held`: calls with a permit that the gate kept back. `ack_ms`: from request to
    answer, of those racers that no stalled request kept waiting; `ack_ms_all`: of all.
    """

    races: int
    dials: dict[str, int]
    violations: list[dict[str, Any]]
    overlapped: int
    held: int
    stalled: int
    hung_up: int
    ack_ms: dict[str, float]
    ack_ms_all: dict[str, float]
    by_offset_ms: dict[str, dict[str, int]]
    bound_95: float | None


async def race(stage: Stage, kind: Kind, races: int) -> Verdict:
    """So many races, in rounds."""
    racers: list[Racer] = []
    steps = list(OFFSETS_MS)
    while len(racers) < races:
        count = min(RACERS, races - len(racers))
        offsets = [steps[(len(racers) + k) % len(steps)] for k in range(count)]
        stage.dice.shuffle(offsets)
        racers += await kind.round(offsets)
    await stage.nothing_under_way()
    return await _judge(stage, racers)


async def _judge(stage: Stage, racers: Sequence[Racer]) -> Verdict:
    rows = await stage.rows(
        "SELECT a.loop_id, a.attempt_id, r.armed_at FROM attempt AS a JOIN arm AS r USING (attempt_id)"
        " WHERE a.loop_id = ANY($1) ORDER BY r.armed_at",
        [racer.loop_id for racer in racers],
    )
    attempts: dict[int, set[int]] = {}
    first_arm: dict[int, int] = {}
    for row in rows:
        attempts.setdefault(row["loop_id"], set()).add(row["attempt_id"])
        first_arm.setdefault(row["loop_id"], to_ms(row["armed_at"]))
    dials: Counter[str] = Counter()
    by_offset: dict[str, Counter[str]] = {str(offset): Counter() for offset in OFFSETS_MS}
    violations: list[dict[str, Any]] = []
    overlapped = 0
    quick, every = [], []
    for racer in racers:
        own = attempts.get(racer.loop_id, set())
        arrivals = [arrival for attempt_id in own for arrival in stage.provider.arrivals[attempt_id]]
        first_s = min((arrival.at_s for arrival in arrivals), default=math.inf)
        when = _when(racer, first_s)
        dials[when] += 1
        by_offset[str(racer.offset_ms)][when] += 1
        armed_ms = first_arm.get(racer.loop_id)
        overlapped += armed_ms is not None and armed_ms <= racer.acked_ms and first_s >= racer.asked_s
        violations += [found for arrival in arrivals for found in _wrong(racer, arrival)]
        if len(arrivals) > 1:
            violations.append({"invariant": "I1", "loop": racer.loop_id, "dials": len(arrivals)})
        if racer.asked:
            every.append(1000 * (racer.acked_s - racer.asked_s))
            if not own & stage.provider.stalled:
                quick.append(every[-1])
    return Verdict(
        races=len(racers),
        dials=dict(dials),
        violations=violations,
        overlapped=overlapped,
        held=stage.provider.held,
        stalled=len(stage.provider.stalled),
        hung_up=stage.provider.hung_up,
        ack_ms=_quantiles(quick),
        ack_ms_all=_quantiles(every),
        by_offset_ms={offset: dict(counts) for offset, counts in by_offset.items()},
        bound_95=None if violations else round(3 / len(racers), 6),
    )


def _when(racer: Racer, first_s: float) -> str:
    if first_s == math.inf:
        return "never"
    if first_s < racer.asked_s:
        return "before_the_request"
    if first_s <= racer.acked_s:
        return "before_the_answer"
    return "after_the_release" if first_s >= racer.until_s else "after_the_answer"


def _wrong(racer: Racer, arrival: Arrival) -> list[dict[str, Any]]:
    found = []
    late_ms = round(1000 * (arrival.at_s - racer.acked_s), 3)
    if racer.acked_s < arrival.at_s < racer.until_s and racer.forbids(arrival):
        found.append({"invariant": "I8 to I10", "loop": racer.loop_id, "late_ms": late_ms})
    if not is_lawful(arrival.clock_ms, ("America/New_York",), ()) or arrival.clock_ms > arrival.not_after_ms:
        found.append({"invariant": "I7", "loop": racer.loop_id, "late_ms": late_ms})
    return found


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    shares = {"p50": 0.5, "p99": 0.99}
    told = {name: round(ordered[int(share * len(ordered))], 1) for name, share in shares.items()}
    return told | {"max": round(ordered[-1], 1)}
