"""Time zones: which names are valid, and the one place that pins the data they are read from.

`whenever` is pointed at the installed `tzdata` package alone, so that a machine's own zone files never
change an answer.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import whenever

from scheduler.errors import UnknownZone

TZDATA_VERSION = version("tzdata")

_spec = find_spec("tzdata")
assert _spec is not None
assert _spec.origin is not None
whenever.reset_tzpath([str(Path(_spec.origin).resolve().parent / "zoneinfo")])
whenever.clear_tzcache()

# Names without a region are refused but for UTC: "EST" is one fixed offset to the database and Eastern
# time, summer and winter, to whoever wrote it.
_NAMES = {name.casefold(): name for name in whenever.available_timezones() if "/" in name or name == "UTC"}


def find_zone(text: str) -> str:
    """The zone's name as the database spells it. Raises UnknownZone."""
    name = _NAMES.get(text.strip().casefold())
    if name is None:
        raise UnknownZone(
            "not a time zone",
            f"the IANA database {TZDATA_VERSION} has no such region and city",
            "write it like America/New_York, or leave it empty",
        )
    return name


def is_zone(text: str) -> bool:
    """Whether `find_zone` would take it."""
    return text.strip().casefold() in _NAMES
