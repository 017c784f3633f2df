"""The product's own log as a source: each fact is counted, and told in the history of the running world."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dialer import claimer
from tests.simulation.history import History

COUNTED = {
    "wheel_rebuilt": "the wheel was rebuilt",
    "wheel_server_changed": "the wheel's server had changed",
    "loops_put_back": "the sweeper put back a lost loop",
    "leases_expired": "a lease expired",
    "leases_lost": "a dialer found its lease lost",
    "arm_failed": "an arm got no answer",
    "news_not_committed": "news could not be committed",
    "events_not_acknowledged": "an acknowledgement was lost",
    "wheel_not_settled": "the wheel was not told of a commit",
    "loops_not_placed": "a loop was not placed",
    "claim_failed": "a claim got no answer",
    "claims_came_late": "a claim was answered too late",
    "claims_not_given_back": "claims were not given back",
    "provider_failed": "the adapter failed",
    "spool_begun": "news went to disk",
    "spool_drained": "news came back from disk",
}


class Facts:
    """In place of a module's logger."""

    def __init__(self, history: History | None = None) -> None:
        self.history = history

    def info(self, event: str, **about: Any) -> None:
        history = self.history
        if history is None:
            return
        about.pop("epoch", None)
        history.lines.append((history._loop.now_s, event, *sorted(about.items())))
        if event == "arm_refused":
            for reason in about:
                history.count(f"the arm refused: {reason}")
        elif event in COUNTED:
            history.count(COUNTED[event])

    warning = error = exception = debug = info


TROUBLE_REST_S = 5.0
"""A claimer that finds no wheel asks again after a fifth of this: ten times as seldom as it really does,
which is half of all the work of a seed."""


@contextmanager
def heard() -> Iterator[Facts]:
    """While it lasts every module of the scheduler and the dialer logs to this, and claimers are patient."""
    facts = Facts()
    before: list[tuple[Any, str, Any]] = [(claimer, "TROUBLE_REST_S", claimer.TROUBLE_REST_S)]
    claimer.TROUBLE_REST_S = TROUBLE_REST_S
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("scheduler", "dialer") and hasattr(module, "log"):
            before.append((module, "log", module.log))
            module.log = facts  # type: ignore[attr-defined]
    try:
        yield facts
    finally:
        for module, attribute, value in before:
            setattr(module, attribute, value)
