"""Figures out of lists of measurements."""

from __future__ import annotations

from collections.abc import Sequence


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the worst, in milliseconds; empty without measurements."""
    if not seconds:
        return {}
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)

    return {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": round(ordered[-1] * 1000, 2)}
