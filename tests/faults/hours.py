"""Lawful hours told minute by minute, from nothing but zone data and the printed rules: a second opinion.

Only what the trials' numbers need: the federal hours, and the default windows of an account.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from scheduler.domain.time import SECOND, Ms

FEDERAL = (8, 21)
"""47 CFR 64.1200(c)(1): not before 8 a.m., not after 9 p.m. where the called party is."""

WINDOW = (9, 18)
"""An account's hours unless it says otherwise, Monday to Friday."""


def is_lawful(at_ms: Ms, zones: tuple[str, ...], regions: tuple[str, ...]) -> bool:
    """Whether a phone that may be in any of these zones may ring at this instant."""
    at = datetime.fromtimestamp(at_ms / SECOND, UTC)
    return bool(zones) and all(_open(at.astimezone(ZoneInfo(zone))) for zone in zones)


def _open(local: datetime) -> bool:
    hour = local.hour + local.minute / 60 + local.second / 3600
    first, last = max(FEDERAL[0], WINDOW[0]), min(FEDERAL[1], WINDOW[1])
    return local.weekday() < 5 and first <= hour < last
