"""Runs trials: each kind once, then by lot until the time is up. A seed gives the same lots."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.faults import (
    combined_faults,
    import_faults,
    ledger_faults,
    limit_faults,
    process_faults,
    provider_faults,
    race_faults,
    store_faults,
)
from tests.faults.bed import Bed, Trial, Violation, a_trial
from tests.faults.check import check, read_history
from tests.faults.kinds import KINDS

TRIES = 6
"""How often a fault is tried before its window counts as never met."""

SCRIPTS = (
    process_faults, store_faults, provider_faults, race_faults, import_faults, combined_faults, ledger_faults,
    limit_faults,
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


async def run_trial(bed: Bed, name: str, seed: int) -> Outcome:
    """One trial of the kind `name`."""
    kind = KINDS[name]
    began_s = time.monotonic()
    async with a_trial(bed, seed, **kind.world) as trial:
        try:
            await kind.script(trial)
            await _recover(trial)
        except (TimeoutError, ChildProcessError) as error:
            trial.complain("I16", f"the trial came to no end: {type(error).__name__} {error}")
        violations = trial.complaints + await check(trial)
        await _count(trial)
        return Outcome(
            kind=name,
            seed=seed,
            counts=all(trial.sometimes[need] for need in kind.needs),
            violations=violations,
            sometimes=dict(trial.sometimes),
            dials=len(read_history(trial)),
            recovery_s=trial.recovery_s,
            elapsed_s=time.monotonic() - began_s,
        )


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
    for event in ("loops_put_back", "leases_expired", "wheel_rebuilt", "attempts_written_off"):
        if f'"{event}"'.encode() in log:
            trial.hit(event.replace("_", " "))
    for what, where in IN_THE_LEDGER.items():
        if await trial.value(f"SELECT count(*) FROM attempt WHERE {where}"):
            trial.hit(what)
    for fault, hits in (await trial.provider_hits()).items():
        if hits:
            trial.sometimes[f"provider: {fault}"] += hits


IN_THE_LEDGER = {
    "testified not sent": "state = 'not_sent'",
    "armed again after not sent": "EXISTS (SELECT FROM arm WHERE arm.attempt_id = attempt.attempt_id"
    " HAVING count(*) > 1)",
    "unknown written off": "outcome = 'unknown'",
    "late report amended an unknown": "error = 'no report came' AND outcome <> 'unknown'",
}


async def run_lane(
    bed: Bed,
    names: Sequence[str],
    lots: Sequence[str],
    seeds: Callable[[], int],
    until_s: float,
    tell: Callable[[Outcome], None],
) -> None:
    """Trials one after the other on this bed: `names`, each until it met its window, then by lot
    of `lots` until `until_s`, monotonic."""
    for name in names:
        for _ in range(TRIES):
            tell(outcome := await run_trial(bed, name, seeds()))
            if outcome.counts:
                break
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
    names = list(lots) if each_once else []
    random.Random(seed).shuffle(names)
    outcomes: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    async def main() -> None:
        count = iter(range(seed * 1_000_000, (seed + 1) * 1_000_000))
        await asyncio.gather(*(bed.prepare() for bed in beds))
        await asyncio.gather(
            *(
                run_lane(bed, names[lane::lanes], lots, lambda: next(count), began_s + minutes * 60, told)
                for lane, bed in enumerate(beds)
            )
        )

    for bed in beds:
        bed.folder.mkdir(parents=True)
        bed.start()
    try:
        asyncio.run(main())
    finally:
        for bed in beds:
            bed.stop()
    return summed(outcomes, seed=seed, elapsed_s=time.monotonic() - began_s)


def summed(outcomes: Sequence[Outcome], *, seed: int, elapsed_s: float) -> dict[str, Any]:
    """`{trials, violations, sometimes, dials, elapsed_s, seed}`; a trial counts where its fault was met."""
    trials: Counter[str] = Counter()
    sometimes: Counter[str] = Counter()
    violations = []
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
