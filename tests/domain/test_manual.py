"""Manual calls (MISSION D33 to D35 and their [ours]): what they pass, and what never."""

from __future__ import annotations

import pytest

from scheduler.domain.manual import Allowed, Forbidden, ManualCall, may_call
from scheduler.domain.model import Cap, Closure, NoCallDay
from scheduler.domain.time import HOUR
from tests.domain.builders import BANGOR, MIAMI, NEW_YORK, a_lead, a_policy, instant

NOON = instant("2026-11-23T17:00:00Z")
EVENING = instant("2026-11-24T00:30:00Z")  # 19:30 in New York: our windows are closed, the law is open
NIGHT = instant("2026-11-24T03:00:00Z")  # 22:00


def test_d33_a_manual_call_fires_at_once():
    found = may_call(a_policy(), a_lead(), ManualCall(), NOON)

    assert isinstance(found, Allowed)
    assert (found.at_ms, found.beyond_law) == (NOON, False)
    assert found.open_until_ms == instant("2026-11-24T02:00:00Z")
    assert found.why[0].rule == "manual"


def test_d34_it_passes_our_own_hours_and_no_call_days_and_says_so():
    policy = a_policy(no_call_days=(NoCallDay("2026-11-23"),))
    found = may_call(policy, a_lead(), ManualCall(), EVENING)

    assert isinstance(found, Allowed)
    assert [why.rule for why in found.why] == ["manual", "dialer_window", "no_call_day"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (ManualCall(suppressed=True), "dnc-blocked"),
        (ManualCall(suppressed=True, acknowledged=True, reason="she is my aunt"), "dnc-blocked"),
        (ManualCall(in_call=True), "lead-busy"),
        (ManualCall(paused=True), "dialing-paused"),
    ],
)
def test_what_never_lets_a_manual_call_out(asked: ManualCall, code: str):
    found = may_call(a_policy(), a_lead(), asked, NOON)

    assert isinstance(found, Forbidden)
    assert (found.code, found.until_ms) == (code, None)


@pytest.mark.parametrize(
    "asked",
    [
        ManualCall(),
        ManualCall(acknowledged=True),
        ManualCall(acknowledged=True, reason="  "),
        ManualCall(reason="he asked"),
    ],
)
def test_the_laws_hours_are_passed_only_with_acknowledgement_and_reason(asked: ManualCall):
    found = may_call(a_policy(), a_lead(), asked, NIGHT)

    assert isinstance(found, Forbidden)
    assert found.code == "outside-statutory-hours"
    assert found.until_ms == instant("2026-11-24T13:00:00Z")


def test_with_both_the_call_goes_out_beyond_the_law_and_is_marked():
    found = may_call(a_policy(), a_lead(), ManualCall(acknowledged=True, reason="he asked"), NIGHT)

    assert isinstance(found, Allowed)
    assert found.beyond_law
    assert found.why[-1].rule == "statutory_window"
    assert found.open_until_ms - NIGHT < HOUR


def test_the_last_two_minutes_before_the_law_closes_count_as_closed():
    closing = instant("2026-11-24T02:00:00Z")

    assert isinstance(may_call(a_policy(), a_lead(), ManualCall(), closing - 120_000), Allowed)
    assert isinstance(may_call(a_policy(), a_lead(), ManualCall(), closing - 119_000), Forbidden)


def test_a_closure_counts_like_law():
    policy = a_policy(closures=(Closure(NOON - HOUR, NOON + HOUR, ("US-FL",), "hurricane"),))

    stopped = may_call(policy, a_lead(MIAMI), ManualCall(), NOON)
    assert isinstance(stopped, Forbidden)
    assert (stopped.code, stopped.until_ms) == ("outside-statutory-hours", NOON + HOUR)
    assert isinstance(may_call(policy, a_lead(NEW_YORK), ManualCall(), NOON), Allowed)


@pytest.mark.parametrize(
    ("place", "caps", "ref"), [(MIAMI, (), "US-FL"), (NEW_YORK, (Cap(3, 86_400),), "account")]
)
def test_caps_hold_for_manual_calls(place, caps: tuple[Cap, ...], ref: str):
    contacts = tuple(NOON - hours * HOUR for hours in (4, 3, 2))
    policy = a_policy(frequency_caps=caps)
    asked = ManualCall(acknowledged=True, reason="urgent")

    found = may_call(policy, a_lead(place, contacts=contacts), asked, NOON)

    assert isinstance(found, Forbidden)
    assert found.code == "frequency-cap"
    assert found.until_ms == NOON + 20 * HOUR + 60_000
    assert found.why[0].ref.startswith(ref)


def test_a_person_who_calls_by_hand_is_no_artificial_voice():
    saturday = instant("2026-11-28T17:00:00Z")

    assert isinstance(may_call(a_policy(), a_lead(BANGOR), ManualCall(), saturday), Forbidden)
    assert isinstance(may_call(a_policy(voice="human"), a_lead(BANGOR), ManualCall(), saturday), Allowed)


def test_without_rules_only_opt_outs_pauses_and_caps_count():
    assert isinstance(may_call(a_policy(rules="none"), a_lead(), ManualCall(), NIGHT), Allowed)
