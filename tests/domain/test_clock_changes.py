"""Every zone through every clock change from 2024 to 2037 (RELIABILITY F27, layer 1c; MISSION D22, P11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

import pytest

from scheduler.domain.localtime import day_of, day_start, offset_of, opening_and_closing
from scheduler.domain.model import Place, Range
from scheduler.domain.placement import open_intervals
from scheduler.domain.time import DAY, HOUR, MINUTE
from scheduler.domain.zones import is_zone
from tests.domain import brute
from tests.domain.builders import a_policy

ZONES = sorted(
    name for name in available_timezones() if "/" in name and is_zone(name) and not name.startswith("Etc/")
)
YEARS = range(2024, 2038)
# ranges whose edges lie in the hours at which clocks change, and plain ones
RANGES = (Range(0, 90), Range(100, 150), Range(165, 220), Range(540, 1080), Range(1380, 1440))


def changes(zone: str) -> list[int]:
    """The instants at which the zone's offset changes, by zoneinfo, to the minute."""
    found = []
    start = int(datetime(YEARS.start, 1, 1, tzinfo=UTC).timestamp())
    until = int(datetime(YEARS.stop, 1, 1, tzinfo=UTC).timestamp())
    step = 5 * 86_400
    for second in range(start, until, step):
        low, high = second, second + step
        if shown(zone, low) == shown(zone, high):
            continue
        while high - low > 60:
            middle = (low + high) // 120 * 60
            low, high = (middle, high) if shown(zone, middle) == shown(zone, low) else (low, middle)
        found.append(high * 1000)
    return found


def shown(zone: str, second: int) -> timedelta | None:
    return datetime.fromtimestamp(second, UTC).astimezone(brute.zone_of(zone)).utcoffset()


@cache
def alike() -> dict[tuple[tuple[int, timedelta | None], ...], list[str]]:
    """Zones by when their clocks change and what they show then: those of a group are one to the planner."""
    groups: dict[tuple[tuple[int, timedelta | None], ...], list[str]] = {}
    for zone in ZONES:
        at = tuple((at_ms, shown(zone, at_ms // 1000)) for at_ms in changes(zone))
        groups.setdefault(at or ((0, shown(zone, 1_800_000_000)),), []).append(zone)
    return groups


def test_f27_every_zone_shows_what_another_library_shows_on_both_sides_of_every_change():
    assert len(ZONES) > 400
    assert len(alike()) > 60
    seen = 0
    for at, zones in alike().items():
        for at_ms in (at_ms + side for at_ms, _ in at if at_ms for side in (-MINUTE, -1, 0, MINUTE)):
            for zone in zones:
                assert offset_of(zone, at_ms) == shown(zone, at_ms // 1000) / timedelta(milliseconds=1), zone
                seen += 1
    assert seen > 10_000


@pytest.mark.parametrize("part", range(8))
def test_f27_no_range_of_hours_is_open_outside_itself_around_any_change(part: int):
    """One zone of each group, every five minutes around every other change, five ranges of hours."""
    for number, (at, zones) in enumerate(sorted(alike().items(), key=lambda item: item[1])):
        if number % 8 != part:
            continue
        zone = zones[0]
        for at_ms in (at_ms for at_ms, _ in at[part % 2 :: 2] if at_ms):
            days = range(day_of(zone, at_ms - 2 * HOUR), day_of(zone, at_ms + 2 * HOUR) + 1)
            opened = [
                (opening_and_closing(zone, day, each.start_min, each.end_min), each)
                for day in days
                for each in RANGES
            ]
            for minute_ms in range(at_ms - 100 * MINUTE, at_ms + 100 * MINUTE, 5 * MINUTE):
                local = brute.clock(zone, minute_ms)
                minute = local.hour * 60 + local.minute
                for (opens_ms, closes_ms), each in opened:
                    if opens_ms <= minute_ms < closes_ms:
                        assert each.start_min <= minute < each.end_min, (zone, local)
            for day in days:
                assert day_start(zone, day) < day_start(zone, day + 1)


@pytest.mark.parametrize("part", range(4))
def test_f27_business_hours_are_nine_to_six_on_the_days_of_every_change(part: int):
    policy = a_policy(rules="none", windows=((Range(540, 1080),),) * 7)
    for number, (at, zones) in enumerate(sorted(alike().items(), key=lambda item: item[1])):
        if number % 4 != part:
            continue
        zone = zones[-1]
        place = Place((zone,), (), (zone,), "stated")
        for at_ms in (at_ms for at_ms, _ in at if at_ms):
            for opens_ms, closes_ms in open_intervals(policy, place, at_ms - 3 * DAY, at_ms + 3 * DAY)[1:-1]:
                assert f"{brute.clock(zone, opens_ms):%H:%M}" == "09:00"
                assert f"{brute.clock(zone, closes_ms):%H:%M}" == "18:00"
