"""Instants and durations: integer milliseconds, UTC; local time only through `whenever`, in windows."""

from __future__ import annotations

from typing import TypeAlias

Ms: TypeAlias = int
"""An instant (milliseconds since 1970-01-01T00:00Z) or a length of time in milliseconds, as its name says."""

SECOND: Ms = 1_000
MINUTE: Ms = 60 * SECOND
HOUR: Ms = 60 * MINUTE
DAY: Ms = 24 * HOUR
