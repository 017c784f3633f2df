"""Regions as people write them: a country or a state."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from api.problems import invalid
from scheduler.domain import rules
from scheduler.domain.places import find_region


def read_regions(said: Iterable[str], pointer: str) -> list[str]:
    """Their codes, each once. Raises Problem 422 at `pointer` for what is none: misspelt, it would close
    nothing, without a word."""
    found: list[str] = []
    for number, text in enumerate(said):
        region = known_region(text)
        if region is None:
            near = get_close_matches(text.upper(), rules.load().rows, 1, cutoff=0.7)
            hint = f"did you mean `{near[0]}`?" if near else "write a country or a state: CA, US-FL"
            raise invalid(f"{pointer}/{number}", "region-unknown", "not a region", hint=hint)
        if region not in found:
            found.append(region)
    return sorted(found)


def known_region(text: str) -> str | None:
    """The code that `US`, `us-fl`, `Florida` or `GB` means; None for what means none."""
    code = " ".join(text.upper().split())
    if code in ("US", "USA", "UNITED STATES"):
        return "US"
    return code if rules.load().knows(code) else find_region(text)
