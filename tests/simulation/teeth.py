"""Guards taken out, one at a time: the simulation has to notice each.

A guard that another one backs up is named with it: neither alone would let anything through.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from dialer import news
from dialer.gate import Gate
from dialer.providers.base import NotDialled, Unknown
from scheduler.flow import opt_out as opting_out
from scheduler.flow import pause as pausing
from scheduler.flow import settle as settling
from scheduler.flow.settle import Report
from scheduler.services import rebuild as rebuilding
from scheduler.services.reconciler import Reconciler
from scheduler.services.sweeper import Sweeper
from scheduler.wheel import CallEnd
from tests.simulation import ledger, schema, statements_arm, statements_settle, wheel
from tests.simulation.runner import parts_until
from tests.simulation.tables import Row, Schema, Statement

MOST = 2000


class Guard(NamedTuple):
    """What it keeps, how it is taken out, and in which mode its absence shows."""

    keeps: str
    removed: Callable[[], AbstractContextManager[Any]]
    mode: str = "safety"


def _instead(owner: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(owner, name, value)


@contextmanager
def _models(**by_name: Callable[..., list[Row]]) -> Iterator[None]:
    with patch.dict(ledger.MODELS, by_name):
        yield


def _arm_of_one_snapshot(s: Statement, *arguments: Any) -> list[Row]:
    s.as_of_first()
    return statements_arm.arm_attempts(s, *arguments)


def _arm_without(*taken_out: str) -> Callable[..., AbstractContextManager[Any]]:
    """The arm without some of its checks."""
    ask = statements_arm.reasons

    def reasons(*arguments: Any) -> Iterator[str]:
        return (reason for reason in ask(*arguments) if reason not in taken_out)

    return lambda: patch.object(statements_arm, "reasons", reasons)


@contextmanager
def _no_unique_attempt() -> Iterator[None]:
    """The arm's look at state and instant, and the unique keys behind it."""
    attempt = schema.SCHEMAS["attempt"]
    loose = Schema(attempt.key, (), attempt.checks, attempt.identity)
    checks = _arm_without("stale", "in_call", "lead_busy", "early")
    with patch.dict(schema.SCHEMAS, {"attempt": loose}), checks():
        yield


@contextmanager
def _unknown_is_sent_again() -> Iterator[None]:
    fold = news._fold_sent

    def folded(report: Any, answer: Any) -> None:
        if isinstance(answer.result, Unknown):
            answer = news.Sent(
                answer.claim, answer.attempt_id, answer.permit, answer.at_ms, NotDialled("surely not")
            )
        fold(report, answer)

    with patch.object(news, "_fold_sent", folded):
        yield


def _every_answer(group: news.Group) -> list[Report]:
    """Answers to sends of one attempt folded together, as if all were of one permit."""
    folded: dict[int, Report] = {}
    for answer in group.sent:
        news._fold_sent(folded.setdefault(answer.attempt_id, Report(answer.attempt_id)), answer)
    for event in group.events:
        news._fold_event(folded.setdefault(event.attempt_id, Report(event.attempt_id)), event)
    return list(folded.values())


async def _nothing(*_: Any, **__: Any) -> None:
    return None


async def _none(*_: Any, **__: Any) -> int:
    return 0


async def _nobody(*_: Any, **__: Any) -> list[Row]:
    return []


GUARDS: dict[str, Guard] = {
    "gate": Guard("I3 I8 I9", _instead(Gate, "may_send", lambda *_, **__: True)),
    "two statements": Guard("I8", lambda: _models(arm_attempts=_arm_of_one_snapshot)),
    "cas on next_at": Guard("I4 I6", _arm_without("stale", "early")),
    "unique attempt": Guard("I1 I4 I6", _no_unique_attempt),
    "permit check": Guard(
        "I1 I2",
        _instead(statements_settle, "takes_back", lambda row, _: row["state"] in ("armed", "unknown")),
    ),
    "suppression check": Guard("I8", _arm_without("dnc")),
    "settings version": Guard("I10 I11", _arm_without("outdated")),
    "pause check": Guard("I9", _arm_without("account_paused")),
    "epoch of a claim": Guard("I12", _instead(wheel, "CHECKS_EPOCH", False)),
    "epoch in the arm": Guard("I12", _arm_without("lost")),
    "call slots of a rebuild": Guard("I12", _instead(rebuilding, "_restore_calls", _none)),
    "unknown is never sent again": Guard("I1", _unknown_is_sent_again),
    "the latest answer counts": Guard("I1 I2 I4", _instead(news.Group, "reports", _every_answer)),
    "slots of the call that ended": Guard(
        "I12", _instead(settling, "CallEnd", lambda *about: CallEnd(*about[:3]))
    ),
    "rank of states": Guard("I5", _instead(statements_settle, "further", lambda _, told: told)),
    "opt-out waits for permits": Guard("I8", _instead(opting_out, "_live", _nobody)),
    "pause waits for permits": Guard("I9", _instead(pausing, "until_permits_are_void", _nothing)),
    "sweeper": Guard("I14 I22", _instead(Sweeper, "_put_back", _nothing), "liveness"),
    "reconciler": Guard("I15", _instead(Reconciler, "_step", _nothing), "liveness"),
}


def bite(only: str = "", most: int = MOST, path: Path | None = None, first: int = 1) -> bool:
    """Print which guard was missed after how many seeds; whether all were."""
    found: dict[str, Any] = {}
    for name in [each for each in GUARDS if only in each]:
        found[name] = missed(name, most, first)
        told = found[name]
        how = f"{told['invariant']} at seed {told['seed']}" if told else f"NOT within {most} seeds"
        print(f"{name:30} {how}", flush=True)
    caught = sum(told is not None for told in found.values())
    print(f"{caught} of {len(found)} guards were missed when they were gone")
    if path is not None:
        path.write_text(json.dumps({"caught": caught, "of": len(found), "guards": found}, indent=1) + "\n")
    return caught == len(found)


def missed(name: str, most: int = MOST, first: int = 1) -> dict[str, Any] | None:
    """The first seed from `first` on that goes wrong without this guard, and what it breaks."""
    guard = GUARDS[name]
    for total in parts_until(first, most, guard.mode, name):
        for seed, _, violation in total.violations:
            if violation.invariant in guard.keeps.split():
                return {"seed": seed, "invariant": violation.invariant, "what": violation.what[:200]}
    return None
