"""What holds a schedule or ends it beside its rules: a sign of life, missing consent, one call (K18, D35)."""

from __future__ import annotations

import pytest

from scheduler.domain.consent import expires_ms
from scheduler.domain.model import AttemptKind, Ended, EndReason, Loop, Outcome, Planned, Result
from scheduler.domain.planner import plan
from scheduler.domain.time import DAY, HOUR, MINUTE
from tests.domain.builders import a_lead, a_policy, a_smart_policy, instant

NOON = instant("2026-11-23T17:00:00Z")  # Monday in New York
QUIET = NOON + 2 * DAY


@pytest.mark.parametrize("policy", [a_policy(), a_smart_policy()], ids=["followup", "smart"])
def test_nothing_of_the_schedule_comes_before_a_sign_of_life_is_two_days_old(policy):
    found = plan(Loop(NOON), policy, a_lead(quiet_until_ms=QUIET), None, NOON)

    assert isinstance(found, Planned)
    assert found.at_ms >= QUIET
    assert [line.to_at for line in found.why if line.rule == "pause"] == [QUIET]


def test_planned_again_later_it_is_the_same_instant_and_an_old_sign_says_nothing():
    lead = a_lead(quiet_until_ms=QUIET)
    first = plan(Loop(NOON), a_policy(), lead, None, NOON)
    again = plan(Loop(NOON), a_policy(), lead, None, NOON + HOUR)
    after = plan(Loop(QUIET + DAY), a_policy(), lead, None, QUIET + DAY)

    assert isinstance(first, Planned)
    assert isinstance(again, Planned)
    assert isinstance(after, Planned)
    assert again.at_ms == first.at_ms
    assert (after.at_ms, [line for line in after.why if line.rule == "pause"]) == (QUIET + DAY, [])


def test_a_callback_that_was_asked_for_is_made_all_the_same():
    """D42: a call-me-later is not overridden."""
    asked = Result(
        Outcome.ANSWERED, NOON, AttemptKind.CADENCE, disposition="callback", callback_at_ms=NOON + 3 * HOUR
    )
    loop = Loop(NOON - HOUR, history=(NOON,), postponed=1)

    found = plan(loop, a_policy(), a_lead(quiet_until_ms=QUIET, contacts=(NOON,)), asked, NOON)

    assert isinstance(found, Planned)
    assert (found.at_ms, found.kind) == (NOON + 3 * HOUR, AttemptKind.CALLBACK)


@pytest.mark.parametrize(
    ("required", "agreed", "called"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_who_has_not_agreed_is_not_called_where_that_is_required(required: bool, agreed: bool, called: bool):
    found = plan(Loop(NOON), a_policy(consent_required=required), a_lead(consent=agreed), None, NOON)

    assert isinstance(found, Planned if called else Ended)
    if isinstance(found, Ended):
        assert found.reason is EndReason.CONSENT_MISSING


def test_a_loop_for_one_call_ends_with_it_or_with_the_chance_for_it():
    missed = plan(Loop(NOON, once=True), a_policy(), a_lead(), None, NOON + 5 * MINUTE)
    made = plan(
        Loop(NOON, once=True, history=(NOON,)), a_policy(), a_lead(contacts=(NOON,)),
        Result(Outcome.NOT_REACHED, NOON, AttemptKind.MANUAL), NOON,
    )  # fmt: skip
    converted = plan(
        Loop(NOON, once=True, history=(NOON,)), a_policy(), a_lead(contacts=(NOON,)),
        Result(Outcome.COMPLETED, NOON, AttemptKind.MANUAL, disposition="converted"), NOON,
    )  # fmt: skip

    for found, reason in ((missed, "removed"), (made, "removed"), (converted, "converted")):
        assert isinstance(found, Ended)
        assert found.reason == reason


def test_no_call_is_planned_for_after_the_consent_has_ended():
    policy = a_policy(consent_required=True)
    until = NOON + HOUR

    before = plan(Loop(NOON), policy, a_lead(consent=True, consent_until_ms=until), None, NOON)
    later = plan(Loop(NOON + 2 * HOUR), policy, a_lead(consent=True, consent_until_ms=until), None, NOON)
    nobody_asks = plan(Loop(NOON + 2 * HOUR), a_policy(), a_lead(consent_until_ms=until), None, NOON)

    assert isinstance(before, Planned)
    assert isinstance(later, Ended)
    assert later.reason is EndReason.CONSENT_MISSING
    assert isinstance(nobody_asks, Planned)


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (None, None), ("{}", None), ('{"basis":"x","expires_at":null}', None), ('"expires_at"', None),
        ('{"expires_at":"soon"}', None), ('{"expires_at":{"a":1}}', None), ('{"expires_at":5}', None),
        ('{"expires_at":"2026-11-23T17:00:00"}', None), ('{"expires_at":"2026-11-23T17:00:00Z"}', NOON),
    ],
)  # fmt: skip
def test_what_a_file_says_of_a_consents_end_is_an_instant_or_nothing(said: str | None, ends: int | None):
    assert expires_ms(said) == ends
