"""A batch without a pace is even over the open time of its leads, whatever its size (even volume)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.calendars import calendar_of
from scheduler.domain.model import Why
from scheduler.domain.numbers import place_of
from scheduler.domain.placement import ROOM
from scheduler.domain.spread import Spread, position, told, walk
from scheduler.domain.time import DAY, HOUR, MINUTE, Ms
from tests.domain.builders import a_policy, instant

NEW_YORK = place_of("+12125550100")
TWO_PM: Ms = instant("2026-06-16T18:00:00Z")  # Tuesday, open until 18:00 by the builders' week


@given(st.integers(0, 10**9), st.integers(2, 400))
def test_any_run_of_numbers_leaves_gaps_of_three_lengths_none_thrice_another(first: int, count: int) -> None:
    """I19: even after every lead, so the total need not be known; the circle is closed by its last gap."""
    at = sorted(position(n) for n in range(first, first + count))

    gaps = [b - a for a, b in zip(at, [*at[1:], at[0] + 1], strict=True)]

    assert 0 <= at[0] <= at[-1] < 1
    assert len({round(gap, 12) for gap in gaps}) <= 3
    assert max(gaps) < 3 * min(gaps)


@given(st.integers(0, 10**9), st.integers(1, 3000), st.integers(0, 99), st.integers(1, 100))
def test_every_part_of_the_line_gets_its_share_to_within_a_few_leads(
    first: int, count: int, begin: int, width: int
) -> None:
    """I19: a bucket's volume is off by what a random draw of 50 leads would be off by, for thousands."""
    low, high = begin / 100, min(1.0, (begin + width) / 100)

    inside = sum(low <= position(n) < high for n in range(first, first + count))

    assert abs(inside - count * (high - low)) <= 6


@given(st.integers(0, 7 * DAY), st.integers(0, 40 * HOUR), st.floats(0, 1, exclude_max=True))
def test_an_instant_on_the_walk_is_open_and_has_room_before_closing(
    later_ms: Ms, over_ms: Ms, where: float
) -> None:
    """I7: nobody's turn falls into closed hours."""
    calendar = calendar_of(a_policy(), NEW_YORK)

    at_ms = walk(calendar, TWO_PM + later_ms, over_ms).at(where)

    assert at_ms is not None
    assert at_ms >= TWO_PM + later_ms
    around = calendar.open.at(at_ms)
    assert around is not None
    assert at_ms + ROOM <= around[1]


def test_a_walk_goes_on_in_the_morning_where_the_evening_ended_it() -> None:
    calendar = calendar_of(a_policy(), NEW_YORK)
    closes_ms = calendar.open.at(TWO_PM)[1]  # type: ignore[index]
    from_ms = closes_ms - ROOM - HOUR
    opens_ms = calendar.open.first(closes_ms, closes_ms + DAY)[0]  # type: ignore[index]

    path = walk(calendar, from_ms, 4 * HOUR)

    assert path.length_ms == 4 * HOUR
    assert path.at(0) == from_ms
    assert abs(path.at(0.5) - opens_ms - HOUR) <= 2  # type: ignore[operator]


def test_a_walk_through_too_little_open_time_uses_what_there_is() -> None:
    """A month has fewer than a thousand open hours: everybody has a place all the same."""
    path = walk(calendar_of(a_policy(), NEW_YORK), TWO_PM, 1000 * HOUR)

    assert 100 * HOUR < path.length_ms < 1000 * HOUR
    assert path.at(0.999999) < TWO_PM + 31 * DAY  # type: ignore[operator]


def test_without_open_time_there_is_no_place() -> None:
    assert walk(calendar_of(a_policy(windows=((),) * 7), NEW_YORK), TWO_PM, HOUR).at(0.5) is None


def test_a_walk_of_no_length_is_the_first_open_instant() -> None:
    assert walk(calendar_of(a_policy(), NEW_YORK), TWO_PM, 0).at(0.9) == TWO_PM


@pytest.mark.parametrize(
    ("spread", "from_ms", "text"),
    [
        (Spread(), TWO_PM, ""),
        (Spread(None, 4 * HOUR), TWO_PM, "spread over 4 h of open time of the batch"),
        (Spread(TWO_PM - HOUR), TWO_PM, ""),
        (Spread(TWO_PM + HOUR), TWO_PM + HOUR, "the batch starts then"),
        (
            Spread(TWO_PM + HOUR, 90 * MINUTE),
            TWO_PM + HOUR,
            "the batch starts then; spread over 1 h 30 min of open time of the batch",
        ),
    ],
)
def test_a_spread_says_where_it_begins_and_why(spread: Spread, from_ms: Ms, text: str) -> None:
    assert (spread.from_ms(TWO_PM), spread.text(TWO_PM)) == (from_ms, text)


def test_the_reason_follows_the_strategys_own_line() -> None:
    """MISSION: every attempt says why then; `why[]` is in the order applied."""
    wish, law = Why("strategy", "set", None, 9, "first", "smart"), Why("statutory_window", "kept")

    said = told((wish, law), 5, 9, "spread")

    assert said == (
        Why("strategy", "set", None, 5, "first", "smart"),
        Why("throttle", "moved", 5, 9, "spread"),
        law,
    )
