"""The lines that a sender hears while its file comes in (API 6)."""

from __future__ import annotations

from typing import Any

import pytest

from api.imports.reporting import PROGRESS_S, Reporter
from api.instants import utc_ms
from scheduler.clock import ScaledClock
from scheduler.domain.time import SECOND
from tests.builders import TUESDAY_2PM


class Watched(ScaledClock):
    """A clock of its own time, whose monotonic one is moved by hand."""

    passed_s = 0.0

    def monotonic_s(self) -> float:
        return self.passed_s

    def now_ms(self) -> int:
        return TUESDAY_2PM + round(self.passed_s * self.speed * SECOND)


@pytest.mark.parametrize("speed", [1.0, 3600.0])
async def test_the_end_is_foretold_by_the_clock_that_all_instants_are_of(speed: float) -> None:
    """API 1: one time in all answers, also where it goes faster than the machine's."""
    lines: list[dict[str, Any]] = []

    async def hear(line: dict[str, Any]) -> None:
        lines.append(line)

    clock = Watched(TUESDAY_2PM, speed)
    reporter = Reporter(hear, clock, 1, 1, size_bytes=400)
    clock.passed_s = PROGRESS_S
    await reporter.progress(100)

    ends_at_ms = clock.now_ms() + round(3 * PROGRESS_S * speed * SECOND)
    assert lines[0]["eta_at"] == utc_ms(ends_at_ms)
