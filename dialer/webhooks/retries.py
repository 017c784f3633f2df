"""When a delivery that failed is tried again, and when an endpoint that fails is asked at all."""

from __future__ import annotations

import math

from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND, Ms

WAITS_MS: tuple[Ms, ...] = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""After the first try, the second and so on; after the last of them a delivery has failed. Three days in all:
a weekend."""

JITTER = 0.1
"""Waits are so much longer or shorter, so that what failed together does not come back together."""

RETRY_AFTER_MOST_MS: Ms = DAY
BREATH_MS: Ms = 5 * SECOND
BREATH_MOST_MS: Ms = MINUTE
"""An endpoint that failed is left alone for so long, twice as long each time, whatever else is to be sent."""

DISABLE_MS: Ms = 5 * DAY
"""One that has failed for so long without a success is not asked any more."""


def next_try_ms(now_ms: Ms, tries: int, retry_after_s: float | None, chance: float) -> Ms | None:
    """When the try after the `tries`-th comes; None: no more. `chance`: a random number from 0 to 1."""
    if tries > len(WAITS_MS):
        return None
    wait_ms = WAITS_MS[tries - 1] * (1 + JITTER * (2 * chance - 1))
    return now_ms + max(round(wait_ms), _asked_ms(retry_after_s))


def next_breath_ms(now_ms: Ms, failures: int, retry_after_s: float | None) -> Ms:
    """When an endpoint that has failed so often in a row may be asked again."""
    doubled = min(BREATH_MOST_MS, BREATH_MS * 2 ** min(failures - 1, 10))
    return now_ms + max(doubled, _asked_ms(retry_after_s))


def _asked_ms(retry_after_s: float | None) -> Ms:
    return min(RETRY_AFTER_MOST_MS, math.ceil((retry_after_s or 0) * SECOND))
