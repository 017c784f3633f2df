"""Runs trials: each kind until it met its window, then what never happened, then by lot until the time is up.
A seed gives the same lots."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from tests.faults import (
    bulk_faults,
    clock_faults,
    cluster_faults,
    combined_faults,
    import_faults,
    ledger_faults,
    limit_faults,
    process_faults,
    provider_faults,
    race_faults,
    refusal_faults,
    report_faults,
    restore_faults,
    store_faults,
)
from tests.faults.bed import Bed, Trial, Violation, a_trial
from tests.faults.check import check, read_history
from tests.faults.kinds import KINDS
from tests.faults.processes import Missed
from tests.faults.sometimes import COUNTERS

TRIES = 4
"""How often a fault is tried, each time with another seed, before its window counts as never met."""

MOST_S = 300.0
"""The longest that a script may take, whatever it waits for."""

SCRIPTS = (
    process_faults, store_faults, provider_faults, race_faults, import_faults, combined_faults, ledger_faults,
    limit_faults, cluster_faults, clock_faults, refusal_faults, bulk_faults, restore_faults, report_faults,
)  # fmt: skip
"""Importing them registers their kinds."""


class Outcome(msgspec.Struct, kw_only=True):
    """One trial: `counts` is whether the fault met its window; `recovery_s`: until everything was at rest."""

    kind: str
    seed: int
    counts: bool
    violations: list[Violation]
    sometimes: dict[str, int]
    dials: int
    recovery_s: float | None
    elapsed_s: float


class Aim(msgspec.Struct, frozen=True):
    """What a tier wants to see: the kind's own window, or a counter that this kind is known to meet."""

    kind: str
    counter: str | None = None


async def run_trial(bed: Bed, name: str, seed: int) -> Outcome:
    """One trial of the kind `name`."""
    kind = KINDS[name]
    began_s = time.monotonic()
    async with a_trial(bed, seed, **kind.world) as trial:
        violations: list[Violation] = []
        with _complaining(trial, "the trial came to no end"), suppress(Missed):
            async with asyncio.timeout(MOST_S):
                await kind.script(trial)
        with _complaining(trial, "nothing works again"):
            await _recover(trial)
        with _complaining(trial, "what came of it cannot be read"):
            violations = await check(trial)
            await _count(trial)
        return Outcome(
            kind=name,
            seed=seed,
            counts=all(trial.sometimes[need] for need in kind.needs),
            violations=trial.complaints + violations,
            sometimes=dict(trial.sometimes),
            dials=len(read_history(trial)),
            recovery_s=trial.recovery_s,
            elapsed_s=time.monotonic() - began_s,
        )


@contextmanager
def _complaining(trial: Trial, what: str) -> Iterator[None]:
    """Whatever goes wrong is a violation of the trial, not the end of the suite."""
    try:
        yield
    except Exception as error:
        trial.complain("I16", f"{what}: {type(error).__name__} {error}")


async def _recover(trial: Trial) -> None:
    """The faults are over: with one good dialer and one good scheduler everything must come to rest."""
    for proxy in (trial.to_valkey, trial.to_postgres, trial.to_provider):
        proxy.heal()
    await trial.provider_faults()
    await trial.scheduler()
    await trial.dialer()
    try:
        await trial.quiet()
    except TimeoutError:
        trial.complain("I16", "something is still due or under way after the faults are over")


async def _count(trial: Trial) -> None:
    """What happened on the way, from what the processes saw and logged, and from the final ledger."""
    for child in trial.children:
        for line in child.said:
            if line.startswith("SAW "):
                trial.hit(line.removeprefix("SAW "))
    for reason in trial.refusals():
        trial.hit(f"arm refused: {reason}")
    log = trial.logs.read_bytes() if trial.logs.exists() else b""
    for event in LOGGED:
        if f'"{event}"'.encode() in log:
            trial.hit(event.replace("_", " "))
    for what, where in IN_THE_LEDGER.items():
        if await trial.value(f"SELECT count(*) FROM attempt WHERE {where}"):
            trial.hit(what)
    for fault, hits in (await trial.provider_hits()).items():
        if hits:
            trial.sometimes[f"provider: {fault}"] += hits


LOGGED = (
    "loops_put_back", "leases_expired", "wheel_rebuilt", "attempts_written_off", "call_slots_freed",
    "frozen_sessions_cut",
)  # fmt: skip

IN_THE_LEDGER = {
    "testified not sent": "state = 'not_sent'",
    "armed again after not sent": "EXISTS (SELECT FROM arm WHERE arm.attempt_id = attempt.attempt_id"
    " HAVING count(*) > 1)",
    "unknown written off": "outcome = 'unknown'",
    "late report amended an unknown": "error = 'no report came' AND outcome <> 'unknown'",
}


async def run_lane(
    bed: Bed, aims: Iterable[Aim], seeds: Callable[[], int], tell: Callable[[Outcome], None]
) -> None:
    """Trials one after the other on this bed, of each aim until it is reached or tried often enough."""
    for aim in aims:
        for _ in range(TRIES):
            tell(outcome := await run_trial(bed, aim.kind, seeds()))
            if outcome.counts if aim.counter is None else outcome.sometimes.get(aim.counter):
                break


async def run_lots(
    bed: Bed, lots: Sequence[str], seeds: Callable[[], int], until_s: float, tell: Callable[[Outcome], None]
) -> None:
    """Trials by lot until `until_s`, monotonic."""
    dice = random.Random(seeds())
    weights = [KINDS[name].weight for name in lots]
    while time.monotonic() < until_s:
        [name] = dice.choices(lots, weights)
        tell(await run_trial(bed, name, seeds()))


def run_all(
    folder: Path,
    *,
    seed: int,
    minutes: float,
    lanes: int,
    only: Sequence[str] = (),
    each_once: bool = True,
    tell: Callable[[Outcome], None],
) -> dict[str, Any]:
    """Trials in `lanes` side by side; the sums, in the form that `make faults` prints."""
    logging.disable()  # our own part of it loses its connections as well, and says so at length
    began_s = time.monotonic()
    beds = [Bed(folder / f"b{lane}") for lane in range(lanes)]
    lots = list(only or KINDS)
    outcomes: list[Outcome] = []
    count = iter(range(seed * 1_000_000, (seed + 1) * 1_000_000))

    def told(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    async def aim_at(aims: Iterable[Aim]) -> None:
        """The lanes take them as they become free."""
        left = iter(aims)
        await asyncio.gather(*(run_lane(bed, left, lambda: next(count), told) for bed in beds))

    async def main() -> None:
        await asyncio.gather(*(bed.prepare() for bed in beds))
        try:
            await all_trials()
        finally:
            await asyncio.gather(*(bed.end_cluster() for bed in beds))

    async def all_trials() -> None:
        if each_once:
            names = list(lots)
            random.Random(seed).shuffle(names)
            await aim_at(Aim(name) for name in names)
        if each_once and not only:
            await aim_at(never_met(outcomes))
        until_s = began_s + minutes * 60
        await asyncio.gather(*(run_lots(bed, lots, lambda: next(count), until_s, told) for bed in beds))

    for bed in beds:
        bed.folder.mkdir(parents=True)
        bed.start()
    try:
        asyncio.run(main())
    finally:
        for bed in beds:
            bed.stop()
    return summed(outcomes, seed=seed, elapsed_s=time.monotonic() - began_s)


def never_met(outcomes: Sequence[Outcome]) -> list[Aim]:
    """What must happen sometimes and has not happened in any of these trials."""
    met = {name for outcome in outcomes for name, hits in outcome.sometimes.items() if hits}
    return [Aim(kind, counter) for counter, kind in COUNTERS.items() if counter not in met]


def summed(outcomes: Sequence[Outcome], *, seed: int, elapsed_s: float) -> dict[str, Any]:
    """`{trials, violations, sometimes, dials, elapsed_s, seed}`; a trial counts where its fault was met."""
    trials: Counter[str] = Counter()
    sometimes: Counter[str] = Counter()
    violations = []
    sometimes.update(dict.fromkeys(COUNTERS, 0))
    for kind in KINDS.values():
        sometimes.update(dict.fromkeys(kind.needs, 0))
        trials[kind.number] += 0
    for outcome in outcomes:
        trials[KINDS[outcome.kind].number] += outcome.counts
        sometimes.update(outcome.sometimes)
        violations += [
            {"invariant": v.invariant, "detail": v.detail, "fault": outcome.kind, "seed": outcome.seed}
            for v in outcome.violations
        ]
    return {
        "trials": dict(sorted(trials.items())),
        "violations": violations,
        "sometimes": dict(sorted(sometimes.items())),
        "dials": sum(outcome.dials for outcome in outcomes),
        "elapsed_s": round(elapsed_s, 1),
        "seed": seed,
    }
