"""The short way to see that a first touch stays says only what the planner would say (I20, C9)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scheduler.domain.model import AskedFor, Cadence, Place, Policy, Step, Why
from scheduler.domain.numbers import place_of
from scheduler.domain.time import HOUR, MINUTE, SECOND, Ms
from scheduler.flow.context import Flow
from scheduler.flow.courses import Course
from scheduler.flow.facts import encode_why
from scheduler.flow.lanes import LaneKey
from scheduler.flow.outlook import Retold, outlook, unmoved
from scheduler.flow.replan import planned_anew
from scheduler.ledger.instants import to_datetime
from tests.domain.builders import ROUND_THE_CLOCK, a_policy, instant
from tests.domain.test_properties import FIRST_START, LAST_START, PHONES, POLICIES

FLOW = cast(Flow, SimpleNamespace(lead_key=lambda external_id, phone: external_id or phone))
"""All that planning asks of a flow."""

LANE = LaneKey(1, "bulk", 2, 3)
AT = to_datetime(instant("2026-11-23T15:00:00Z"))
SAID = '{"source":"form"}'

OF_AGENTS = POLICIES.map(
    lambda policy: policy if policy.strategy == "cadence" else msgspec.structs.replace(policy, cadence=None)
)

SIGNS: list[dict[str, Any]] = [
    {},
    {"asked": AskedFor.TIME, "asked_at": AT},
    {"asked": AskedFor.NOTHING},
    {"contacts": [AT]},
    {"quiet_until": AT},
    {"once": True},
    {"consent_said": None},
    {"consent_said": '{"expires_at":"2026-11-24T00:00:00Z"}'},
    {"next_step": 1},
    {"next_kind": "cadence"},
    {"status": "waiting_callback"},
    {"lane_id": 8},
    {"in_turn": False},
    {"open_until": AT},
    {"follows": 4, "follows_version": 1},
]
"""What else a row may say."""


def a_row(policy: Policy, place: Place, phone: str, started_ms: Ms, turn_ms: Ms) -> dict[str, Any] | None:
    """A row of `replan_read`: a first touch of a batch as `policy` has it; None if it has no time."""
    row: dict[str, Any] = {
        "loop_id": 9, "agent_id": 1, "batch_id": 2, "lane_id": 7, "place_id": 3, "run": 1, "step": 0,
        "consecutive_errors": 0, "postponed": 0, "history": None, "held": False, "in_turn": True,
        "started_at": to_datetime(turn_ms), "batch_from": to_datetime(started_ms), "account_id": 1,
        "cadence_id": None, "cadence_version": None, "trail": None, "once": False, "quiet_until": None,
        "asked": None, "asked_at": None, "follows": None, "follows_status": None, "follows_version": None,
        "appointment_at": None, "tags": None, "variables": None, "lead_id": 5, "external_id": None,
        "phone": phone, "priority": "bulk", "contacts": None, "consent_said": SAID, "lead_version": 1,
        "policy_version": 1, "outcome": None, "ended_at": None, "kind": None, "disposition": None,
        "callback_at": None, "error": None, "blocked": 0,
    }  # fmt: skip
    turn = Why("throttle", "moved", started_ms, turn_ms, "spread over 4 h of open time of the batch")
    _, planned = planned_anew(
        FLOW, cast(Any, row), place, Course(policy), started_ms, turn=turn, begun_ms=turn_ms
    )
    if planned.next_at_ms is None or planned.open_until_ms is None:
        return None
    return row | {
        "next_at": to_datetime(planned.next_at_ms),
        "open_until": to_datetime(planned.open_until_ms),
        "status": planned.status,
        "next_kind": planned.kind,
        "next_step": planned.step,
        "next_channel": planned.channel,
        "why": planned.why,
    }


@settings(max_examples=400, deadline=None)
@given(
    before=OF_AGENTS | POLICIES,
    after=OF_AGENTS | POLICIES | st.none(),
    phone=st.sampled_from(PHONES),
    started_s=st.integers(FIRST_START // SECOND, LAST_START // SECOND),
    turn_min=st.integers(0, 600),
    later_min=st.integers(0, 600),
    sign=st.sampled_from(SIGNS),
    consent=st.booleans(),
)
@example(a_policy(), a_policy(windows=ROUND_THE_CLOCK), PHONES[0], instant("2026-11-23T15:00:00Z") // SECOND,
         20, 10, {}, False)  # fmt: skip
def test_i20_what_is_said_to_stay_is_what_the_planner_says(
    before: Policy,
    after: Policy | None,
    phone: str,
    started_s: int,
    turn_min: int,
    later_min: int,
    sign: dict[str, Any],
    consent: bool,
):
    place, started_ms = place_of(phone), started_s * SECOND
    row = a_row(before, place, phone, started_ms, started_ms + turn_min * MINUTE)
    assume(row is not None)
    policy = msgspec.structs.replace(after or before, version=2, consent_required=consent)
    found = cast(Any, {**cast(dict[str, Any], row), **sign})
    course, now_ms = Course(policy), started_ms + later_min * MINUTE
    lane = LANE if found["lane_id"] == 7 else LaneKey(1, "live", 2, 3)

    short = unmoved(found, course, place, lane, now_ms)

    assert short is None or short == outlook(FLOW, found, course, place, lane, now_ms)


@pytest.mark.parametrize("sign", SIGNS)
def test_only_what_nothing_is_said_of_takes_the_short_way(sign: dict[str, Any]):
    """A first touch that waits in open hours does; one of which anything is known is planned."""
    policy, place, now_ms = (
        a_policy(consent_required=True),
        place_of(PHONES[0]),
        instant("2026-11-23T15:30:00Z"),
    )
    row = a_row(policy, place, PHONES[0], now_ms, now_ms + HOUR)
    assert row is not None
    found = cast(Any, {**row, **sign})
    lane = LANE if found["lane_id"] == 7 else LaneKey(1, "live", 2, 3)

    short = unmoved(found, Course(policy), place, lane, now_ms)
    if "open_until" in sign:
        assert isinstance(short, Retold)
    else:
        assert short == (None if sign else "stays")


def test_what_a_pause_has_moved_is_planned():
    """Where it stands now is not its turn."""
    policy, place, now_ms = a_policy(), place_of(PHONES[0]), instant("2026-11-23T15:30:00Z")
    row = a_row(policy, place, PHONES[0], now_ms, now_ms + HOUR)
    assert row is not None
    paused = row | {"why": row["why"].replace("]", "," + encode_why((Why("pause", "moved"),))[1:])}

    assert unmoved(cast(Any, row), Course(policy), place, LANE, now_ms) == "stays"
    assert unmoved(cast(Any, paused), Course(policy), place, LANE, now_ms) is None
    assert unmoved(cast(Any, row), Course(policy), place, LANE, now_ms + 2 * HOUR) is None


@pytest.mark.parametrize(("before_closing_s", "open_as_it_stands"), [(120, True), (119, False)])
def test_what_has_no_room_before_the_hours_end_is_planned(before_closing_s: int, open_as_it_stands: bool):
    """The room is that of every other plan."""
    policy, place, now_ms = a_policy(), place_of(PHONES[0]), instant("2026-11-23T22:00:00Z")
    row = a_row(policy, place, PHONES[0], now_ms, now_ms + MINUTE)
    assert row is not None
    turn_ms = row["open_until"].timestamp() * 1000 - before_closing_s * SECOND
    why = row["why"].replace(str(now_ms + MINUTE), str(int(turn_ms)))
    late = row | {"next_at": to_datetime(int(turn_ms)), "why": why}

    assert (unmoved(cast(Any, late), Course(policy), place, LANE, now_ms) is not None) == open_as_it_stands


def test_what_a_cadence_says_is_planned():
    """Its first step may wait, and its hours may be others."""
    policy, place, now_ms = a_policy(), place_of(PHONES[0]), instant("2026-11-23T15:30:00Z")
    row = a_row(policy, place, PHONES[0], now_ms, now_ms + HOUR)
    waits = msgspec.structs.replace(policy, cadence=Cadence(steps=(Step(),), initial_delay_s=60))

    assert unmoved(cast(Any, row), Course(policy), place, LANE, now_ms) == "stays"
    assert unmoved(cast(Any, row), Course(waits), place, LANE, now_ms) is None
    assert unmoved(cast(Any, row), Course(a_policy(strategy="cadence")), place, LANE, now_ms) is None
    assert unmoved(cast(Any, row), Course(a_policy(max_attempts=0)), place, LANE, now_ms) is None
