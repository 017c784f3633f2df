"""Rolling caps (MISSION P18 and D [ours], Florida; RELIABILITY I11)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.caps import MARGIN, cap_text, earliest
from scheduler.domain.model import Cap
from scheduler.domain.time import HOUR, MINUTE, SECOND
from tests.domain.builders import instant

THREE_A_DAY = Cap(3, 86_400)


def test_calls_at_16_17_and_18_leave_none_before_16_of_the_next_day():
    contacts = tuple(instant(f"2026-11-23T{hour}:00:00Z") for hour in (16, 17, 18))
    next_morning = instant("2026-11-24T09:00:00Z")

    assert earliest(contacts, (THREE_A_DAY,), next_morning) == (
        instant("2026-11-24T16:01:00Z"),
        THREE_A_DAY,
    )


def test_below_the_cap_nothing_is_moved():
    contacts = (instant("2026-11-23T16:00:00Z"), instant("2026-11-23T17:00:00Z"))
    at_ms = instant("2026-11-23T17:30:00Z")

    assert earliest(contacts, (THREE_A_DAY,), at_ms) == (at_ms, None)


def test_the_tightest_of_several_caps_decides():
    contacts = (instant("2026-11-23T16:00:00Z"),)
    gap = Cap(1, 28_800)

    at_ms, cap = earliest(contacts, (THREE_A_DAY, gap), contacts[0] + HOUR)

    assert cap == gap
    assert at_ms == contacts[0] + 8 * HOUR + MINUTE


@given(
    st.lists(st.integers(0, 200_000), max_size=12),
    st.lists(st.tuples(st.integers(1, 5), st.integers(60, 90_000)), min_size=1, max_size=3),
    st.integers(0, 300_000),
)
def test_i11_the_earliest_instant_keeps_every_window_and_none_before_it_would(
    seconds: list[int], limits: list[tuple[int, int]], at_s: int
):
    contacts = tuple(sorted(second * SECOND for second in seconds))
    caps = tuple(Cap(*limit) for limit in limits)

    found_ms, binding = earliest(contacts, caps, at_s * SECOND)

    def kept(at_ms: int) -> bool:
        return all(
            sum(at_ms - contact < cap.window_s * SECOND + MARGIN for contact in contacts) < cap.max_calls
            for cap in caps
        )

    assert found_ms >= at_s * SECOND
    assert kept(found_ms)
    assert (binding is None) == (found_ms == at_s * SECOND)
    assert binding is None or not kept(found_ms - 1)


def test_a_cap_is_told_in_hours_where_it_has_whole_ones():
    assert cap_text(THREE_A_DAY) == "3 calls in 24 h"
    assert cap_text(Cap(1, 90)) == "1 call in 90 s"
