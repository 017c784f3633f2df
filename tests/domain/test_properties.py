"""Whole journeys of random leads against the brute force: never outside any hours, never above a cap, never
before the wish, the same from the same seed (RELIABILITY I7, I11; MISSION D16)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.model import Cap, Disposition, EndReason, LaneClass, NoCallDay, Outcome, Policy, Range
from scheduler.domain.numbers import place_of
from scheduler.domain.places import combine
from scheduler.domain.time import DAY, SECOND
from scheduler.domain.windows import BUSINESS_WEEK, week_to_api
from tests.domain import brute
from tests.domain.builders import ROUND_THE_CLOCK, Journey, a_lead, a_live_lead, a_policy, instant

LUNCH = ((Range(540, 720), Range(780, 1200)),) * 6 + ((),)
PHONES = [
    f"+1{area}5550100"
    for area in ("212", "305", "850", "207", "401", "405", "219", "432", "928", "907", "503", "228")
]
OUTCOMES = [
    Outcome.NOT_REACHED,
    Outcome.BUSY,
    Outcome.VOICEMAIL,
    Outcome.ANSWERED,
    Outcome.ERROR,
    Outcome.UNKNOWN,
]

POLICIES = st.builds(
    a_policy,
    strategy=st.sampled_from(["followup", "smart"]),
    windows=st.sampled_from([BUSINESS_WEEK, ROUND_THE_CLOCK, LUNCH]),
    max_attempts=st.sampled_from([3, 7, 12]),
    max_retry_days=st.sampled_from([None, 0, 7, 30]),
    voice=st.sampled_from(["ai", "human"]),
    strict=st.booleans(),
    live_after_hours=st.booleans(),
    no_call_days=st.sampled_from([(), (NoCallDay("2026-11-27", "Friday after"),)]),
    frequency_caps=st.sampled_from([(), (Cap(3, 86_400),), (Cap(2, 43_200), Cap(5, 604_800))]),
    jitter_max_s=st.sampled_from([0, 900, 3600]),
    seed=st.integers(0, 2**40),
)


def a_journey(policy: Policy, phone: str, zone: str | None, live: bool, start_ms: int) -> Journey:
    place = combine(place_of(phone), zone, None)
    lead = a_live_lead(place) if live else a_lead(place)
    journey = Journey(policy, lead, "2026-11-01T00:00:00Z")
    journey.now_ms = start_ms
    journey.loop = type(journey.loop)(start_ms)
    return journey


def play(journey: Journey, outcomes: list[Outcome], callback_after: int) -> EndReason:
    def result(number: int) -> dict[str, Any]:
        if number == callback_after:
            return {"disposition": Disposition.CALLBACK, "callback_at_ms": journey.now_ms + 30 * 3_600_000}
        return {}

    number = 0
    while hasattr(journey.look(), "open_until_ms"):
        number += 1
        journey.dial(outcomes[number % len(outcomes)], **result(number))
        assert number < 200
    reason: EndReason = journey.look().reason  # type: ignore[union-attr]
    return reason


def legal_caps(regions: tuple[str, ...], ai: bool) -> list[tuple[int, int]]:
    rows = [row for region in regions for row in brute.rows_of(region)]
    daily = [(row["max_calls_per_24h"], 86_400) for row in rows if row["max_calls_per_24h"]]
    gaps = [row["automated"]["min_gap_s"] for row in rows if ai and row["automated"]]
    return daily + [(1, gap_s) for gap_s in gaps if gap_s]


@settings(max_examples=500, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    zone=st.sampled_from([None, None, "America/New_York", "America/Denver"]),
    live=st.booleans(),
    start_ms=st.integers(instant("2026-10-20T00:00:00Z"), instant("2026-12-20T00:00:00Z")),
    outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5),
    callback_after=st.integers(1, 9),
)
def test_i7_i11_every_call_of_every_journey_keeps_law_windows_and_caps(
    policy: Policy,
    phone: str,
    zone: str | None,
    live: bool,
    start_ms: int,
    outcomes: list[Outcome],
    callback_after: int,
):
    journey = a_journey(policy, phone, zone, live, start_ms)
    reason = play(journey, outcomes, callback_after)

    place, ai = journey.lead.place, policy.voice == "ai"
    assert reason in set(EndReason)
    rung = [found.at_ms for found in journey.plans]
    assert rung == sorted(rung)
    assert not rung or rung[0] >= start_ms
    for found in journey.plans:
        for at_ms in (found.at_ms, found.at_ms + 119 * SECOND, found.open_until_ms - 1):
            assert brute.law_allows(place.zones, place.regions, ai, policy.strict, at_ms)
            if not (live and policy.live_after_hours):
                assert brute.windows_allow(week_to_api(policy.windows), place.own_zones, at_ms)
            for day in policy.no_call_days:
                assert all(f"{brute.clock(own, at_ms):%Y-%m-%d}" != day.date for own in place.own_zones)
        assert (found.lane_class is LaneClass.LIVE) <= live
        assert all(why.to_at is None or why.to_at <= found.at_ms for why in found.why)
    caps = [(cap.max_calls, cap.window_s) for cap in policy.frequency_caps] + legal_caps(place.regions, ai)
    for most, window_s in caps:
        for sooner, later in zip(rung, rung[most:], strict=False):
            assert later - sooner >= window_s * SECOND
    assert policy.max_attempts is None or len(rung) <= policy.max_attempts
    if rung and policy.max_retry_days is not None and Disposition.CALLBACK not in _told(journey):
        own = place.own_zones[0]
        days = (brute.clock(own, rung[-1]).date() - brute.clock(own, rung[0]).date()).days
        assert days <= policy.max_retry_days


def _told(journey: Journey) -> set[str]:
    return {why.rule for found in journey.plans for why in found.why}


@settings(max_examples=40, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    start_ms=st.integers(instant("2026-10-20T00:00:00Z"), instant("2026-12-20T00:00:00Z")),
    outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5),
)
def test_a_journey_is_replayed_from_its_seed(
    policy: Policy, phone: str, start_ms: int, outcomes: list[Outcome]
):
    first, second = (a_journey(policy, phone, None, False, start_ms) for _ in range(2))

    assert play(first, outcomes, 99) == play(second, outcomes, 99)
    assert first.plans == second.plans


@settings(max_examples=60, deadline=None)
@given(
    policy=POLICIES.filter(lambda policy: policy.jitter_max_s == 0),
    phone=st.sampled_from(PHONES),
    starts=st.tuples(*[st.integers(instant("2026-10-20T00:00:00Z"), instant("2026-12-20T00:00:00Z"))] * 2),
)
def test_who_enrols_later_is_not_called_earlier(policy: Policy, phone: str, starts: tuple[int, int]):
    at_ms = [a_journey(policy, phone, None, False, start_ms).dial().at_ms for start_ms in sorted(starts)]

    assert at_ms == sorted(at_ms)
    assert all(found - start < 10 * DAY for found, start in zip(at_ms, sorted(starts), strict=True))
