"""Whole journeys of random leads against the brute force: never outside any hours, never above a cap, never
past the limits, the same from the same seed (RELIABILITY I7, I11; MISSION D16, P11, C9)."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.model import (
    Action,
    Anchor,
    Cadence,
    Cap,
    Closure,
    Disposition,
    Ended,
    EndReason,
    LaneClass,
    NoCallDay,
    OnComplete,
    Outcome,
    Place,
    Plan,
    Planned,
    Policy,
    Range,
    RoutingRule,
    Step,
    Waiting,
)
from scheduler.domain.numbers import place_of
from scheduler.domain.outcomes import retry_days_of
from scheduler.domain.places import combine
from scheduler.domain.planner import plan
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from scheduler.domain.windows import BUSINESS_WEEK, week_to_api
from tests.domain import brute
from tests.domain.builders import (
    ROUND_THE_CLOCK,
    Journey,
    a_cadence_policy,
    a_lead,
    a_live_lead,
    a_policy,
    first_plan,
    instant,
)

LUNCH = ((Range(540, 720), Range(780, 1200)),) * 6 + ((),)
NARROW = ((Range(600, 1140),),) * 5 + ((), (Range(720, 960),))
PHONES = [
    f"+1{area}5550100"
    for area in ("212", "305", "850", "207", "401", "405", "219", "432", "928", "907", "503", "228", "800")
]
OUTCOMES = [
    Outcome.NOT_REACHED,
    Outcome.BUSY,
    Outcome.VOICEMAIL,
    Outcome.ANSWERED,
    Outcome.ERROR,
    Outcome.UNKNOWN,
    Outcome.NUMBER_BLOCKED,
]
FIRST_START, LAST_START = instant("2026-10-20T00:00:00Z"), instant("2026-12-20T00:00:00Z")
APPOINTMENT = instant("2026-12-10T16:00:00Z")
HOURS_S = st.sampled_from([0, 60, 3_600, 14_400, 86_400, 200_000])

RULES = st.builds(
    RoutingRule,
    on=st.sampled_from(["busy", "not_reached", "voicemail", "answered", "error"]),
    action=st.sampled_from([Action.NEXT, Action.RETRY, Action.GOTO, Action.WAIT]),
    delay_s=st.none() | HOURS_S,
    step=st.just(1),
    max=st.integers(1, 3),
)
STEPS = st.builds(
    Step,
    delay_after_s=HOURS_S,
    daypart=st.sampled_from(["any", "morning", "afternoon", "evening", "rotate"]),
    routing=st.lists(RULES, max_size=2).map(tuple),
    when=st.sampled_from(["", "", "attempts < 4", 'outcome != "busy"']),
) | st.builds(
    Step,
    anchor=st.just(Anchor.APPOINTMENT),
    offset_s=st.sampled_from([-172_800, -86_400, -10_800, -3_600, 3_600]),
    daypart=st.sampled_from(["any", "morning"]),
)
CADENCES = st.builds(
    Cadence,
    steps=st.lists(STEPS, min_size=1, max_size=5).map(tuple),
    windows=st.sampled_from([None, None, NARROW]),
    initial_delay_s=HOURS_S,
    runs=st.integers(1, 2),
    on_complete=st.sampled_from([OnComplete.IDLE, OnComplete.RESTART]),
    complete_delay_s=st.just(86_400),
)
NO_CALL_DAYS = (
    NoCallDay("2026-11-27", "Friday after"),
    NoCallDay("2020-12-24", "Christmas Eve", yearly=True),
    NoCallDay("2026-11-12", "Parade", ("US-FL",)),
)
CLOSURES = (
    Closure(instant("2026-11-04T15:20:00Z"), instant("2026-11-06T18:40:00Z"), ("US-FL", "US-ME"), "storm"),
    Closure(instant("2026-12-01T00:00:00Z"), instant("2026-12-01T17:10:00Z"), (), "outage"),
)

POLICIES = st.builds(
    a_policy,
    strategy=st.sampled_from(["followup", "smart", "intervals", "cadence", "cadence"]),
    intensity=st.sampled_from(["aggressive", "moderate", "conservative"]),
    intervals_s=st.lists(st.integers(60, 200_000), min_size=1, max_size=4).map(tuple),
    cadence=CADENCES,
    windows=st.sampled_from([BUSINESS_WEEK, ROUND_THE_CLOCK, LUNCH]),
    max_attempts=st.sampled_from([3, 7, 12]),
    max_retry_days=st.sampled_from([None, 0, 7, 30]),
    voice=st.sampled_from(["ai", "human"]),
    strict=st.booleans(),
    stop_on=st.sampled_from(["reached", "converted"]),
    live_after_hours=st.booleans(),
    no_call_days=st.sampled_from([(), NO_CALL_DAYS]),
    closures=st.sampled_from([(), CLOSURES]),
    frequency_caps=st.sampled_from([(), (Cap(3, 86_400),), (Cap(2, 43_200), Cap(5, 604_800))]),
    jitter_max_s=st.sampled_from([0, 900, 3600]),
    seed=st.integers(0, 2**40),
)


def allowed(policy: Policy, place: Place, live: bool, at_ms: int) -> bool:
    """Every rule about hours, read anew by the brute force."""
    days = {f"{brute.clock(own, at_ms):%Y-%m-%d}" for own in place.own_zones}
    for day in policy.no_call_days:
        here = not day.regions or bool({*day.regions, "US"} & set(place.regions))
        if here and any(day.date == date or (day.yearly and day.date[5:] == date[5:]) for date in days):
            return False
    closures = [
        # a lead of whom only the country is known may be in any state
        (each.from_ms, each.until_ms, set(each.regions) | {"US"} if each.regions else set())
        for each in policy.closures
    ]
    if brute.closed_by_order(closures, place.regions, at_ms):
        return False
    own = [policy.windows] if not (live and policy.live_after_hours) else []
    if policy.strategy == "cadence" and policy.cadence is not None and policy.cadence.windows is not None:
        own.append(policy.cadence.windows)
    if not all(brute.windows_allow(week_to_api(week), place.own_zones, at_ms) for week in own):
        return False
    if policy.rules == "none":
        return True
    return brute.law_allows(place.zones, place.regions, policy.voice == "ai", policy.strict, at_ms)


def a_journey(policy: Policy, phone: str, zone: str | None, live: bool, start_ms: int) -> Journey:
    place = combine(place_of(phone), zone, None)
    lead = a_live_lead(place) if live else a_lead(place)
    lead = msgspec.structs.replace(lead, appointment_at_ms=APPOINTMENT)
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
    while not isinstance(journey.look(), Ended):
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
    start_ms=st.integers(FIRST_START, LAST_START),
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
            assert allowed(policy, place, live, at_ms)
        assert (found.lane_class is LaneClass.LIVE) <= live
        assert found.rules_revision == brute.data()["revision"]
        assert found.why
    caps = [(cap.max_calls, cap.window_s) for cap in policy.frequency_caps] + legal_caps(place.regions, ai)
    for most, window_s in caps:
        for sooner, later in zip(rung, rung[most:], strict=False):
            assert later - sooner >= window_s * SECOND
    assert policy.max_attempts is None or len(rung) <= policy.max_attempts
    limit = retry_days_of(policy)
    if rung and limit is not None and Disposition.CALLBACK not in _told(journey):
        own = place.own_zones[0]
        days = (brute.clock(own, rung[-1]).date() - brute.clock(own, rung[0]).date()).days
        assert days <= limit


def _told(journey: Journey) -> set[str]:
    return {why.rule for found in journey.plans for why in found.why}


@settings(max_examples=40, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    start_ms=st.integers(FIRST_START, LAST_START),
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
    policy=POLICIES.filter(lambda policy: policy.jitter_max_s == 0 and policy.strategy != "cadence"),
    phone=st.sampled_from(PHONES[:-1]),  # business hours never meet those of all states
    starts=st.tuples(*[st.integers(FIRST_START, LAST_START)] * 2),
)
def test_who_enrols_later_is_not_called_earlier(policy: Policy, phone: str, starts: tuple[int, int]):
    at_ms = [a_journey(policy, phone, None, False, start_ms).dial().at_ms for start_ms in sorted(starts)]

    assert at_ms == sorted(at_ms)
    assert all(found - start < 10 * DAY for found, start in zip(at_ms, sorted(starts), strict=True))


@settings(max_examples=150, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    start_ms=st.integers(FIRST_START, LAST_START),
    outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_planning_again_later_gives_the_same_instant_for_as_long_as_it_lies_ahead(
    policy: Policy, phone: str, start_ms: int, outcomes: list[Outcome], shares: list[float]
):
    journey = a_journey(policy, phone, None, False, start_ms)
    for number in range(6):
        found = attempt_in(journey.look())
        if found is None:
            return
        for share in shares:
            now_ms = journey.now_ms + int((found.at_ms - journey.now_ms) * share)
            again = attempt_in(plan(journey.loop, policy, journey.lead, journey.last, now_ms))
            assert again is not None
            assert (again.at_ms, again.kind, again.step) == (found.at_ms, found.kind, found.step)
        journey.dial(outcomes[number % len(outcomes)])


def attempt_in(found: Plan) -> Planned | None:
    if isinstance(found, Waiting):
        return found.then
    return found if isinstance(found, Planned) else None


@settings(max_examples=120, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    start_min=st.integers(FIRST_START // MINUTE, LAST_START // MINUTE),
    live=st.booleans(),
    wait_min=st.integers(1, 2_000),
    earlier_h=st.lists(st.integers(1, 30), max_size=3),
)
def test_i7_i11_a_call_is_planned_at_the_first_minute_that_the_brute_force_allows(
    policy: Policy, phone: str, start_min: int, live: bool, wait_min: int, earlier_h: list[int]
):
    start_ms = start_min * MINUTE
    contacts = tuple(sorted(start_ms - hours * HOUR for hours in earlier_h))
    policy = msgspec.structs.replace(
        policy,
        strategy="cadence",
        jitter_max_s=0,
        cadence=Cadence(steps=(Step(),), initial_delay_s=wait_min * 60, windows=policy.windows),
    )
    place = place_of(phone)
    lead = msgspec.structs.replace(a_live_lead(place) if live else a_lead(place), contacts=contacts)
    caps = [(cap.max_calls, cap.window_s) for cap in policy.frequency_caps]
    caps += legal_caps(place.regions, policy.voice == "ai")

    found = attempt_in(
        plan(a_journey(policy, phone, None, live, start_ms).loop, policy, lead, None, start_ms)
    )
    wished_ms = start_ms + wait_min * MINUTE
    until_ms = wished_ms + 5 * DAY
    expected = brute.first_minute(
        wished_ms,
        until_ms,
        lambda at_ms: brute.caps_allow(list(contacts), caps, at_ms) and allowed(policy, place, live, at_ms),
    )

    assert (found is None or found.at_ms >= until_ms) if expected is None else found is not None
    if found is not None and expected is not None:
        # where an hour comes twice the planner opens for the second time only
        assert found.at_ms == expected or (found.at_ms > expected and _doubled(place, expected))


@settings(max_examples=60, deadline=None)
@given(
    policy=POLICIES,
    phone=st.sampled_from(PHONES),
    appointment_min=st.integers((FIRST_START + 3 * DAY) // MINUTE, LAST_START // MINUTE),
    before_min=st.integers(1, 2_000),
)
def test_d37_a_reminder_is_planned_at_the_last_minute_that_the_brute_force_allows(
    policy: Policy, phone: str, appointment_min: int, before_min: int
):
    start_ms, at_ms = FIRST_START, (appointment_min - before_min) * MINUTE
    step = Step(anchor=Anchor.APPOINTMENT, offset_s=-before_min * 60)
    policy = msgspec.structs.replace(
        a_cadence_policy(step),
        windows=policy.windows,
        voice=policy.voice,
        closures=policy.closures,
        no_call_days=policy.no_call_days,
    )
    place = place_of(phone)
    lead = a_lead(place, appointment_at_ms=appointment_min * MINUTE)

    found = attempt_in(
        plan(a_journey(policy, phone, None, False, start_ms).loop, policy, lead, None, start_ms)
    )
    lowest_ms = max(start_ms, at_ms - 5 * DAY)
    expected = brute.last_minute(at_ms, lowest_ms, lambda at_ms: allowed(policy, place, False, at_ms))

    assert (found is None or found.at_ms < lowest_ms) if expected is None else found is not None
    if found is not None and expected is not None:
        assert found.at_ms == expected or (found.at_ms < expected and _doubled(place, expected))


def _doubled(place: Place, at_ms: int) -> bool:
    """Whether the day is one on which an hour comes twice in a zone of the lead."""
    return any(
        brute.clock(zone, at_ms - DAY).utcoffset() != brute.clock(zone, at_ms + DAY).utcoffset()
        for zone in place.zones
    )


def test_the_same_instant_is_planned_whatever_was_planned_before():
    policies = [a_policy(seed=seed) for seed in range(3)]
    alone = [first_plan(policy, a_lead(), "2026-11-21T03:00:00Z") for policy in policies]
    backwards = [first_plan(policy, a_lead(), "2026-11-21T03:00:00Z") for policy in policies[::-1]]

    assert alone == backwards[::-1]
