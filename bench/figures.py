"""Figures out of lists of measurements."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the worst, in milliseconds; empty without measurements."""
    if not seconds:
        return {}
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)

    return {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": round(ordered[-1] * 1000, 2)}


def spread(runs: Sequence[Any]) -> dict[str, Any]:
    """Median, least and most of a figure over several runs; of mappings, that of each figure in them."""
    if isinstance(runs[0], Mapping):
        return {name: spread([run[name] for run in runs]) for name in runs[0]}
    middle = statistics.median(runs)
    return {"median": _shown(middle), "min": _shown(min(runs)), "max": _shown(max(runs))}


def _shown(figure: float) -> float:
    """Whole from a thousand on, else four digits."""
    return round(figure) if abs(figure) >= 1000 else float(f"{figure:.4g}")
