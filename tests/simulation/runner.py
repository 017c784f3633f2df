"""Many seeds over the machine's cores, added up."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

from tests.simulation.facts import Facts, heard
from tests.simulation.oracle import Violation
from tests.simulation.tape import Tape
from tests.simulation.world import Outcome, World

SEEDS_PER_TASK = 25

SOMETIMES = (
    "kill", "freeze", "pause", "stop", "step", "wipe", "failover", "wheel_away", "ledger_away",
    "a call was lost: request", "a call was lost: reply",
    "struck before a call", "struck before a reply",
    "a zombie's permit was too old", "not_sent was testified after unknown",
    "a late report amended an unknown", "a report came before the answer", "an attempt was written off",
    "an attempt that was not sent was armed again", "an opt-out drained an armed attempt",
    "an opt-out hung up a call", "a pause was acknowledged", "an arm got no answer",
    "a commit was in doubt", "the arm refused: stale", "the arm refused: in_call",
    "the arm refused: outdated", "the arm refused: dnc", "the arm refused: account_paused",
    "the arm refused: closed", "the arm refused: lost", "a lease expired", "a settle was stale",
    "a claim was answered again", "a claim was answered too late", "an epoch refused a claim",
    "the sweeper put back a lost loop",
    "the wheel was rebuilt", "the wheel's server had changed", "news could not be committed",
    "a statement waited for another's lock", "a transaction that stood still was ended",
    "a report was doubled",
    "a wheel rebuilt at the end was the same", "an attempt was looked up", "news went to disk",
    "news came back from disk", "the gate held back what was about to leave",
    "a request came too late to be dialled",
)  # fmt: skip
"""What has to happen in some of the seeds (RELIABILITY 4.4, as far as one process knows it)."""


class Total(NamedTuple):
    """Many seeds together. `violations`: (seed, mode, violation)."""

    seeds: int
    simulated_s: float
    dials: int
    violations: list[tuple[int, str, Violation]]
    sometimes: Counter[str]
    elapsed_s: float

    def missed(self) -> list[str]:
        return [name for name in SOMETIMES if not self.sometimes[name]]

    def as_json(self) -> dict[str, Any]:
        return {
            "seeds": self.seeds,
            "simulated_hours": round(self.simulated_s / 3600, 2),
            "dials": self.dials,
            "violations": [
                {
                    "seed": seed,
                    "mode": mode,
                    "invariant": each.invariant,
                    "at_s": each.at_s,
                    "what": each.what,
                }
                for seed, mode, each in self.violations
            ],
            "sometimes": dict(sorted(self.sometimes.items())),
            "missed": self.missed(),
            "elapsed_s": round(self.elapsed_s, 2),
            "seeds_per_s": round(self.seeds / self.elapsed_s, 1),
        }


def mode_of(seed: int, mode: str) -> str:
    """Of `both` every other seed is played until all is quiet again."""
    return ("safety", "liveness")[seed % 2] if mode == "both" else mode


def play(seed: int, mode: str, facts: Facts) -> Outcome:
    """One seed. The history is heard by `facts` meanwhile."""
    world = World(seed, mode_of(seed, mode))
    facts.history = world.history
    try:
        return world.play()
    finally:
        facts.history = None


def taped(seed: int) -> Tape:
    """What a seed asks of its servers. The wheel's process stays the same: no test can give a real one
    another at will."""
    world = World(seed, "liveness")
    world.ledger.tape, world.wheel.tape = [], []
    world.nemesis.same_wheel = True
    with heard() as facts:
        facts.history = world.history
        world.play()
        facts.history = None
    limits = world.oracle.limits
    return Tape(world.base_ms, limits.most_calls, limits.per_s, world.ledger.tape, world.wheel.tape)


def run_seeds(seeds: Iterable[int], mode: str, *, processes: int = 0, guard: str = "") -> Total:
    """Play them on so many processes (0: one for each core)."""
    began = time.monotonic()
    wanted = list(seeds)
    parts = [(wanted[at : at + SEEDS_PER_TASK], mode, guard) for at in range(0, len(wanted), SEEDS_PER_TASK)]
    total: list[tuple[int, float, int, list[tuple[int, str, Violation]], Counter[str]]] = []
    if len(parts) == 1 or processes == 1:
        total = [_play_part(part) for part in parts]
    else:
        # what was there before the seeds is not looked through after every ten of them
        with multiprocessing.get_context("fork").Pool(processes or None, gc.freeze) as pool:
            total = list(pool.imap_unordered(_play_part, parts))
    violations = sorted((each for part in total for each in part[3]), key=lambda each: each[0])
    sometimes: Counter[str] = Counter()
    for part in total:
        sometimes += part[4]
    return Total(
        sum(part[0] for part in total),
        sum(part[1] for part in total),
        sum(part[2] for part in total),
        violations,
        sometimes,
        time.monotonic() - began,
    )


def _play_part(
    part: tuple[list[int], str, str],
) -> tuple[int, float, int, list[tuple[int, str, Violation]], Counter[str]]:
    seeds, mode, guard = part
    simulated_s, dials, violations, sometimes = 0.0, 0, [], Counter[str]()
    sys.unraisablehook = _unheard
    warnings.simplefilter("ignore")  # of coroutines that a killed process had not begun
    gc.disable()  # a seed is over before there is much to collect
    with heard() as facts, _without(guard):
        for seed in seeds:
            outcome = play(seed, mode, facts)
            simulated_s += outcome.simulated_s
            dials += outcome.dials
            violations += [(seed, outcome.mode, each) for each in outcome.violations[:3]]
            sometimes += outcome.sometimes
            del outcome
            if seed % 10 == 0:
                gc.collect()
    return len(seeds), simulated_s, dials, violations, sometimes


def _without(guard: str) -> Any:
    if not guard:
        return nullcontext()
    from tests.simulation.teeth import GUARDS

    return GUARDS[guard].removed()


def _unheard(_: Any) -> None:
    """Processes of a world that is over are tidied up: what they still try reaches nobody."""


def parts_until(first: int, most: int, mode: str, guard: str) -> Iterator[Total]:
    """One task, then a hundred seeds at a time, `most` at most, for as long as somebody asks for more."""
    begin, until = first, first + most
    while begin < until:
        end = min(until, begin + (SEEDS_PER_TASK if begin == first else 100))
        yield run_seeds(range(begin, end), mode, guard=guard)
        begin = end
