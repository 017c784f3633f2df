"""Made-up leads for benchmarks: only the numbers 555-0100 to 555-0199 of each area code, which nobody has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from itertools import product

PER_AREA = 100


def area_codes() -> list[str]:
    """Area codes of the fifty states."""
    areas = json.loads(files("scheduler.domain").joinpath("data", "nanp_areas.json").read_text())
    return [code for code, area in areas.items() if area["regions"] and area["regions"][0].startswith("US-")]


def phones() -> Iterator[str]:
    """Every fictional number of those area codes, spread over them: about 35 000."""
    for last, area in product(range(100, 100 + PER_AREA), area_codes()):
        yield f"+1{area}5550{last}"
