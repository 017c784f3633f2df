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
    found: set[str] = set()
    for number, text in enumerate(said):
        meant = meant_regions(text)
        if not meant:
            near = get_close_matches(text.upper(), rules.load().rows, 1, cutoff=0.7)
            hint = f"did you mean `{near[0]}`?" if near else "write a country or a state: GB, US-FL"
            raise invalid(f"{pointer}/{number}", "region-unknown", "not a region", hint=hint)
        found.update(meant)
    return sorted(found)


def meant_regions(text: str) -> list[str]:
    """The codes that `US`, `us-fl`, `Florida` or `GB` may mean; none for what means none.

    `CA` is Canada to one and California to another: both, since it is for closing and for looking up. `US-CA`
    and `Canada` are plain.
    """
    code = " ".join(text.upper().split())
    if code in ("US", "USA", "UNITED STATES"):
        return ["US"]
    country, by_name = (code if rules.load().knows(code) else None), find_region(text)
    return [region for region in dict.fromkeys((country, by_name)) if region is not None]
