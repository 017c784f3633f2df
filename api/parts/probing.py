"""What watches the clocks of a process against those of its servers."""

from __future__ import annotations

import asyncio
from math import inf

from api.parts.stores import Stores
from scheduler.services.clock_probe import ClockProbe
from scheduler.services.service import run_service


def make_probe(stores: Stores) -> ClockProbe | None:
    """Only where the Clock is the real one, leases and hours hang on the machine's."""
    if stores.clock.speed != 1.0 or stores.clock.patience_s != inf:
        return None
    return ClockProbe(
        stores.flow,
        stores.clock,
        stores.metrics,
        period_s=stores.settings.clock_probe_s,
        alarm_ms=stores.settings.clock_alarm_ms,
        stop_ms=stores.settings.clock_stop_ms,
    )


def probe_tasks(stores: Stores, probe: ClockProbe | None, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    if probe is None:
        return []
    return [asyncio.create_task(run_service(probe, stores.clock, stop), name=probe.name)]
