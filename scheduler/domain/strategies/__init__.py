"""What wishes the next attempt: one module a strategy, each a function from a case to wishes, best first."""

from __future__ import annotations

from scheduler.domain.case import Strategy
from scheduler.domain.strategies.cadence import cadence
from scheduler.domain.strategies.followup import followup
from scheduler.domain.strategies.intervals import intervals
from scheduler.domain.strategies.smart import smart

STRATEGIES: dict[str, Strategy] = {
    "followup": followup,
    "smart": smart,
    "intervals": intervals,
    "cadence": cadence,
}


def strategy_named(name: str) -> Strategy:
    """Raises ValueError for a strategy that does not exist."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise ValueError(f"unknown strategy: choose one of {', '.join(sorted(STRATEGIES))}") from None
