"""A wish that nothing moves is met on a short way: what it says is what the long way would find."""

from __future__ import annotations

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduler.domain.calendars import calendar_of
from scheduler.domain.jitter import draw
from scheduler.domain.model import AttemptKind, Policy, Why
from scheduler.domain.numbers import place_of
from scheduler.domain.placement import Wish, limits_of, place
from scheduler.domain.time import HOUR, MINUTE, SECOND
from tests.domain.builders import a_policy, instant
from tests.domain.test_properties import FIRST_START, LAST_START, PHONES, POLICIES

CLOSING = instant("2026-11-23T23:00:00Z")  # 18:00 in New York, a Monday


@settings(max_examples=400, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    at_s=st.integers(FIRST_START // SECOND, LAST_START // SECOND),
    before_min=st.integers(0, 3_000),
    contacts_h=st.lists(st.integers(0, 40), max_size=3),
)
@example(a_policy(), PHONES[0], CLOSING // SECOND - 120, 5, [])
@example(a_policy(), PHONES[0], CLOSING // SECOND - 119, 5, [])
def test_c9_a_wish_that_is_open_as_it_stands_is_met_as_by_the_search(
    policy: Policy, phone: str, at_s: int, before_min: int, contacts_h: list[int]
):
    at_ms = at_s * SECOND
    now_ms = at_ms - before_min * MINUTE
    calendar = calendar_of(policy, place_of(phone))
    contacts = tuple(sorted(now_ms - hours * HOUR for hours in contacts_h))
    limits = limits_of(calendar, contacts, now_ms, lambda: draw(policy.seed, phone, 1, 1, "place"))
    wish = Wish(at_ms, AttemptKind.CADENCE, 0, Why("strategy", "set", None, at_ms))
    searched = msgspec.structs.replace(
        wish, until_ms=at_ms + wish.within_ms
    )  # one with an end is searched for

    assert place(calendar, wish, limits) == place(calendar, searched, limits)
