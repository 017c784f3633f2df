"""A wrong spec is answered in three lines: where, why, and the nearest name that exists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.preview.conftest import Command, a_spec, refused

CADENCE = {"strategy": "cadence"}
ASKS_YESTERDAY = {"outcome": "answered", "disposition": "callback", "callback": "yesterday"}
STEPS: list[dict[str, Any]] = [{"name": "a"}, {"name": "b"}]


def a_cadence(**changes: Any) -> dict[str, Any]:
    return a_spec(policy=CADENCE | {"cadence": {"steps": STEPS} | changes})


def an_outcome(**outcome: Any) -> dict[str, Any]:
    return a_spec(outcomes=[{"outcome": "not_reached"}, outcome])


def without(field: str) -> dict[str, Any]:
    spec = a_spec()
    del spec[field]
    return spec


@pytest.mark.parametrize(
    ("spec", "pointer", "do"),
    [
        (a_spec(polcy={}), "/polcy", "`policy`"),
        (a_spec(no_call_day=[]), "/no_call_day", "`no_call_days`"),
        (a_spec(policy={"strategy": "followup", "max_attempt": 3}), "/policy/max_attempt", "`max_attempts`"),
        (a_spec(policy={"strategy": "folowup"}), "/policy/strategy", "`followup`"),
        (a_spec(policy={"preset": "five-steps"}), "/policy/preset", "`five-step`"),
        (a_spec(policy={"preset": "hotleads"}), "/policy/preset", "`hot-leads`"),
        (a_spec(policy={}), "/policy", "strategy or preset"),
        (a_spec(policy={"preset": "followup", "strategy": "smart"}), "/policy/strategy", "leave out"),
        (a_spec(policy={"strategy": "smart", "intensity": "harsh"}), "/policy/intensity", "aggressive"),
        (a_spec(policy={"strategy": "smart", "max_attempts": 101}), "/policy/max_attempts", ""),
        (a_spec(policy={"strategy": "smart", "max_retry_days": 366}), "/policy/max_retry_days", ""),
        (a_spec(policy={"strategy": "intervals", "intervals_s": []}), "/policy/intervals_s", ""),
        (a_spec(policy={"strategy": "intervals", "intervals_s": [60, 59]}), "/policy/intervals_s/1", ""),
        (a_spec(policy=CADENCE), "/policy/cadence", "needs one"),
        (a_spec(policy={"strategy": "smart", "cadence": {"steps": STEPS}}), "/policy/cadence", "cadence"),
        (a_cadence(steps=[]), "/policy/cadence/steps", "add one"),
        (a_cadence(step=[]), "/policy/cadence/step", "`steps`"),
        (a_cadence(steps=[{"delay_afters": 1}]), "/policy/cadence/steps/0/delay_afters", "`delay_after_s`"),
        (a_cadence(steps=[{"channel": "fax"}]), "/policy/cadence/steps/0/channel", "call"),
        (
            a_cadence(steps=[{}, {"routing": [{"on": "busy", "action": "goto", "step": 9}]}]),
            "/policy/cadence/steps/1/routing/0/step",
            "1 to 2",
        ),
        (a_cadence(steps=[{"advanced": {"when": "score >"}}]), "/policy/cadence/steps/0/advanced/when", ""),
        (
            a_cadence(windows={"mon": {"ranges": [{"start": "9", "end": "10"}]}}),
            "/policy/cadence/windows",
            "",
        ),
        (a_spec(windows={"monday": {}}), "/windows/monday", "`mon`"),
        (a_spec(windows={"mon": {"ranges": [{"start": "18:00", "end": "09:00"}]}}), "/windows/mon", "two"),
        (a_spec(no_call_days=[{"date": "2026-02-30"}]), "/no_call_days/0/date", "2026-12-25"),
        (a_spec(no_call_days=[{"label": "x"}]), "/no_call_days/0/date", ""),
        (
            a_spec(closures=[{"starts_at": "2026-11-25T00:00:00Z", "ends_at": "2026-11-25T00:00:00Z"}]),
            "/closures/0/ends_at",
            "later",
        ),
        (
            a_spec(no_call_days=[{"date": "2026-12-25", "regions": ["US", "us-fl"]}]),
            "/no_call_days/0/regions/1",
            "`US-FL`",
        ),
        (
            a_spec(no_call_days=[{"date": "2026-12-25", "regions": ["Miami"]}]),
            "/no_call_days/0/regions/0",
            "US-FL",
        ),
        (a_spec(frequency_caps=[{"max": 0, "window_s": 60}]), "/frequency_caps/0/max", ""),
        (a_spec(frequency_caps=[{"max": 3}]), "/frequency_caps/0/window_s", ""),
        (a_spec(rules="eu"), "/rules", "none, us"),
        (a_spec(voice="robot"), "/voice", "ai, human"),
        (a_spec(stop_on="reachd"), "/stop_on", "`reached`"),
        (a_spec(priority="high"), "/priority", "bulk, live"),
        (a_spec(jitter_max_s=-1), "/jitter_max_s", ""),
        (a_spec(limit=0), "/limit", ""),
        (a_spec(seed="one"), "/seed", ""),
        (without("lead"), "/lead", ""),
        (without("policy"), "/policy", ""),
        (without("start_at"), "/start_at", ""),
        (a_spec(lead={}), "/lead/phone", ""),
        (a_spec(lead={"phone": "12"}), "/lead/phone", "correct"),
        (
            a_spec(lead={"phone": "+13035550142", "timezone": "America/Dever"}),
            "/lead/timezone",
            "America/Denver",
        ),
        (a_spec(lead={"phone": "+13035550142", "time_zone": "UTC"}), "/lead/time_zone", "`timezone`"),
        (a_spec(start_at="tomorrow"), "/start_at", ""),
        (a_spec(start_at="2026-11-23T16:00:00"), "/start_at", ""),
        (a_spec(start_at="0026-11-23T16:00:00Z"), "/start_at", "2000"),
        (an_outcome(outcome="notreached"), "/outcomes/1/outcome", "`not_reached`"),
        (an_outcome(outcome="answered", callback="tomorrow"), "/outcomes/1/callback", "disposition"),
        (
            an_outcome(outcome="answered", disposition="callback", callback="whenever suits"),
            "/outcomes/1/callback",
            "a day and a time",
        ),
        (
            a_spec(limit=1, outcomes=[{"outcome": "busy"}, ASKS_YESTERDAY]),  # which is not even reached
            "/outcomes/1/callback",
            "a day and a time",
        ),
        (
            an_outcome(outcome="answered", disposition="callback", callback="2026-11-24T15:00"),
            "/outcomes/1/callback",
            "2026-11-24T15:00:00Z",
        ),
        (a_spec(otherwise={"outcome": "none"}), "/otherwise/outcome", "not_reached"),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer_with_what_to_write_instead(
    spec: dict[str, Any], pointer: str, do: str
) -> None:
    error = refused(spec)

    assert error.what.partition(": ")[0] == pointer, error.what
    assert do in error.do
    assert error.why
    assert error.do


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"spec"', b"\xff\xfe", b"[" * 100_000, b"null", b"{}"])
def test_what_is_no_spec_is_refused_in_three_lines(raw: bytes) -> None:
    error = refused(raw)

    assert error.what
    assert error.why
    assert error.do


def test_the_command_says_three_lines_and_leaves_with_two(preview_command: Command) -> None:
    spec = a_spec(policy={"strategy": "followup", "max_attempt": 3})

    done = preview_command("-", "--json", stdin=json.dumps(spec))

    assert done.code == 2
    assert done.out == ""
    what, why, do = done.talk.splitlines()
    assert what.startswith("error: /policy/max_attempt")
    assert why.startswith("why:")
    assert do == "do:    did you mean `max_attempts`?"


def test_no_phone_number_is_repeated_in_an_error(preview_command: Command) -> None:
    asked = {"outcome": "answered", "disposition": "callback", "callback": "at 303 555 0142"}

    done = preview_command("-", stdin=json.dumps(a_spec(outcomes=[asked])))

    assert done.code == 2
    assert "555" not in done.talk


def test_a_file_that_does_not_exist_is_not_found_and_an_empty_one_is_refused(
    preview_command: Command,
) -> None:
    assert preview_command("nowhere.json").code == 3
    assert preview_command("-").code == 2
    assert preview_command(".").code == 2
