"""Where a lead may be: what was stated about it and what its number implies, together."""

from __future__ import annotations

from functools import cache, lru_cache

from scheduler.domain import rules
from scheduler.domain.model import Place
from scheduler.domain.numbers import UNKNOWN_REGION, anywhere_in_the_us
from scheduler.domain.zones import find_zone

_PROVINCES = {
    "BC": "British Columbia",
    "AB": "Alberta",
    "SK": "Saskatchewan",
    "MB": "Manitoba",
    "ON": "Ontario",
    "QC": "Quebec",
    "NB": "New Brunswick",
    "NS": "Nova Scotia",
    "PE": "Prince Edward Island",
    "NL": "Newfoundland and Labrador",
    "YT": "Yukon",
    "NT": "Northwest Territories",
    "NU": "Nunavut",
}
_NOT_STATED = frozenset({"", "N/A", "NA", "NONE", "NULL", "UNKNOWN", "-"})


@lru_cache(maxsize=50_000)
def combine(number: Place, stated_zone: str | None, stated_region: str | None) -> Place:
    """All candidates: the stated ones and those of the number. The law takes the overlap of their hours.

    Our own windows are read in the stated zone if there is one, else where the number is. A stated region
    that is nobody's is closed. Raises UnknownZone for a stated zone that is no time zone.
    """
    zone = find_zone(stated_zone) if stated_zone and stated_zone.strip() else None
    stated = _stated_regions(stated_region, number)
    if zone is None and not stated:
        return number
    zones = {*number.zones}
    if zone is not None:
        zones.add(zone)
    reach = rules.load().zones_of(stated)
    if zone not in reach:
        zones.update(reach)
    own_zones = (zone,) if zone is not None else number.own_zones
    return Place(tuple(sorted(zones)), tuple(sorted({*number.regions, *stated})), own_zones, "stated")


def is_nobodys(region: str | None, number: Place) -> bool:
    """Whether a region, stated for a lead with a number from there, is none that a rule is known of."""
    return UNKNOWN_REGION in _stated_regions(region, number)


def find_region(text: str) -> str | None:
    """The region that a code or a name means: `US-NY`, `ny`, `New York`, `GB`; None for what means none."""
    return _names().get(" ".join(text.upper().split()))


def _stated_regions(text: str | None, number: Place) -> tuple[str, ...]:
    """The regions that a stated `US-FL`, `FL`, `Florida`, `CA-BC`, `Ontario` or `GB` means.

    Two letters that name a country as well as a state ("CA", "DE") are the state unless the number is of
    that country; a country alone adds nothing to what a number of that country says already.
    """
    code = " ".join((text or "").upper().split())
    if code in _NOT_STATED:
        return ()
    if code in ("US", "USA", "UNITED STATES"):
        american = any(region.startswith("US-") for region in number.regions)
        return () if american else anywhere_in_the_us().regions
    if code in number.regions or any(region.startswith(code + "-") for region in number.regions):
        return ()
    return (_names().get(code, UNKNOWN_REGION),)


@cache
def _names() -> dict[str, str]:
    """Codes and names of regions, in capitals: states win over provinces, these over countries."""
    book = rules.load()
    names: dict[str, str] = {}
    for row in book.rows.values():
        if row.state is None and row.country != "US":
            names[row.region] = names[row.name.upper()] = row.region
    for province, name in _PROVINCES.items():
        region = f"CA-{province}" if book.knows(f"CA-{province}") else "CA"
        names[province] = names[f"CA-{province}"] = names[name.upper()] = region
    for row in book.states.values():
        names[str(row.state)] = names[row.region] = names[row.name.upper()] = row.region
    return names
