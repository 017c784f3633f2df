"""Weekly windows in the form of the API and of the planner (MISSION D19, P9; API 4)."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.domain.model import Range
from scheduler.domain.windows import BUSINESS_WEEK, DAYS, week_from_api, week_to_api
from scheduler.errors import SettingsError


def day(*ranges: tuple[str, str], enabled: bool = True) -> dict[str, Any]:
    return {"enabled": enabled, "ranges": [{"start": start, "end": end} for start, end in ranges]}


def test_the_default_is_monday_to_friday_nine_to_six():
    open_day, closed = day(("09:00", "18:00")), day(enabled=False)

    assert week_to_api(BUSINESS_WEEK) == dict.fromkeys(DAYS[:5], open_day) | dict.fromkeys(DAYS[5:], closed)


def test_d19_each_weekday_is_on_or_off_and_has_its_own_ranges():
    week = week_from_api(
        {
            "mon": day(("13:00", "17:30"), ("09:00", "12:00")),
            "tue": day(("09:00", "18:00"), enabled=False),
            "sun": day(("00:00", "24:00")),
        }
    )

    assert week[0] == (Range(540, 720), Range(780, 1050))
    assert week[1] == week[2] == ()
    assert week[6] == (Range(0, 1440),)
    assert week_from_api(week_to_api(week)) == week


def test_ranges_that_touch_become_one():
    assert week_from_api({"mon": day(("09:00", "12:00"), ("12:00", "18:00"))})[0] == (Range(540, 1080),)


@pytest.mark.parametrize(
    "windows",
    [
        None,
        [],
        {"monday": day()},
        {"mon": []},
        {"mon": {"enabled": True, "ranges": "09:00-18:00"}},
        {"mon": {"enabled": True, "ranges": [["09:00", "18:00"]]}},
        {"mon": day(("18:00", "09:00"))},
        {"mon": day(("22:00", "22:00"))},
        {"mon": day(("09:00", "25:00"))},
        {"mon": day(("9:00", "18:00"))},
        {"mon": day(("09:60", "18:00"))},
        {"mon": day(("24:00", "24:00"))},
        {"mon": {"enabled": True, "ranges": [{"start": 9, "end": 18}]}},
        {"mon": day(("09:00", "12:00"), ("11:00", "18:00"))},
    ],
)
def test_what_is_no_week_is_refused_with_what_to_do(windows: Any):
    with pytest.raises(SettingsError) as caught:
        week_from_api(windows)
    assert caught.value.do
