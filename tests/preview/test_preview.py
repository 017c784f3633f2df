"""`dialwheel preview`: what each policy does to one lead, by the planner of the running system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scheduler.domain.presets import PRESETS
from scheduler.errors import UsageError
from tests.preview.conftest import ALL_WEEK, EXAMPLES, Command, a_spec, local_times, previewed

ATTEMPT = ["n", "kind", "step", "channel", "at", "at_local", "outcome", "why"]
WHY = ["rule", "effect", "from_at", "to_at", "detail", "ref"]
RULES = {
    "strategy", "routing", "daypart", "callback", "dialer_window", "cadence_window", "statutory_window",
    "no_call_day", "frequency_cap", "pause", "throttle", "jitter", "manual",
}  # fmt: skip


def test_the_example_of_the_issue_is_answered_in_the_shape_of_the_issue() -> None:
    answer = msgspec.to_builtins(previewed("callback"))

    assert list(answer) == ["attempts", "ended", "rules_revision"]
    assert answer["rules_revision"].startswith("2026-")
    assert list(answer["ended"]) == ["reason", "at"]
    for number, attempt in enumerate(answer["attempts"], start=1):
        assert list(attempt) == ATTEMPT
        assert attempt["n"] == number
        assert attempt["at"].endswith("Z")
        assert attempt["at_local"].endswith("-05:00"), "Miami in winter"
        assert attempt["why"]
        for line in attempt["why"]:
            assert list(line) == WHY
            assert line["rule"] in RULES
            assert line["effect"] in {"set", "moved", "kept", "blocked"}


def test_p16_the_callback_comes_in_the_asked_afternoon_and_then_the_schedule_goes_on() -> None:
    found = previewed("callback")

    first, second, third, *rest = found.attempts
    assert (first.kind, second.kind) == ("first", "immediate_callback")
    assert second.outcome == "answered"
    assert third.kind == "callback"
    assert "2026-11-24 13:00" <= third.at_local[:16].replace("T", " ") < "2026-11-24 17:00"
    assert rest
    assert all(attempt.kind == "cadence" for attempt in rest)
    assert found.ended is not None
    assert found.ended.reason == "max_attempts"


def test_c18_the_five_step_example_calls_at_once_and_after_4_24_48_and_72_hours() -> None:
    """Monday 09:00; the last wish, Sunday, moves to Monday's opening because nobody is called on Sundays."""
    found = previewed("five-step")

    assert local_times(found)[:4] == [
        "2026-11-23 09:00",
        "2026-11-23 13:00",
        "2026-11-24 13:00",
        "2026-11-26 13:00",
    ]
    assert "2026-11-30 09:00" <= local_times(found)[4] <= "2026-11-30 09:15"
    assert [attempt.step for attempt in found.attempts] == [1, 2, 3, 4, 5]
    assert found.ended is not None
    assert found.ended.reason == "cadence_complete"


def test_florida_plans_the_call_after_three_for_the_next_day_at_four() -> None:
    """[ours] 3-in-24-h: calls at 16, 17 and 18 h leave no legal one before 16 h on the next day."""
    found = previewed("florida-cap")

    assert local_times(found)[:3] == ["2026-11-23 16:00", "2026-11-23 17:00", "2026-11-23 18:00"]
    assert "2026-11-24 16:00" <= local_times(found)[3] <= "2026-11-24 16:20"
    assert "frequency_cap" in {line.rule for line in found.attempts[3].why}


def test_appointment_reminders_outside_the_hours_take_the_earlier_slot() -> None:
    """D37 [ours]: T is Wednesday 09:00 where the lead is; three hours before it nobody may be called."""
    found = previewed("appointment-reminders")

    times = local_times(found)
    assert times[0] == "2026-11-24 09:00"
    assert "2026-11-24 09:00" < times[1] < "2026-11-24 18:00"
    assert all(at < "2026-11-25 09:00" for at in times)
    assert found.ended is not None


def test_routing_retries_a_busy_line_twice_and_skips_to_the_step_after_voicemail() -> None:
    found = previewed("routing")

    assert local_times(found)[:3] == ["2026-11-23 09:00", "2026-11-23 09:30", "2026-11-23 10:00"]
    assert [attempt.step for attempt in found.attempts] == [1, 1, 1, 3]
    assert found.attempts[1].why[0].rule == "routing"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_an_example_that_runs_to_its_end(preset: str) -> None:
    spec = json.loads((EXAMPLES / f"{preset}.json").read_text())

    found = previewed(preset)

    assert spec["policy"]["preset"] == preset
    assert len(found.attempts) > 1
    assert found.ended is not None


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_attempts_come_in_order_inside_the_law_and_the_same_spec_gives_the_same_answer(path: Path) -> None:
    found = previewed(path.stem)

    ats = [attempt.at for attempt in found.attempts]
    assert ats == sorted(set(ats))
    assert all("08:00" <= attempt.at_local[11:16] < "21:00" for attempt in found.attempts)
    assert previewed(path.stem) == found


@pytest.mark.parametrize(
    ("policy", "strategy"),
    [
        ({"strategy": "followup", "max_attempts": 3, "immediate_callback": False}, "followup"),
        ({"strategy": "smart", "intensity": "aggressive"}, "smart"),
        ({"strategy": "smart", "intensity": "moderate", "max_attempts": None, "max_retry_days": 7}, "smart"),
        ({"strategy": "smart", "intensity": "conservative", "max_retry_days": 30}, "smart"),
        ({"strategy": "intervals", "intervals_s": [1200, 3600]}, "intervals"),
        ({"strategy": "intervals"}, "intervals"),
        ({"strategy": "cadence", "cadence": {"steps": [{"delay_after_s": 60}, {}]}}, "cadence"),
    ],
)
def test_every_strategy_is_played_to_its_end(policy: dict[str, Any], strategy: str) -> None:
    found = previewed(a_spec(policy=policy))

    assert len(found.attempts) > 1
    assert found.attempts[0].why[0].ref in (strategy, "step 1")
    assert found.ended is not None
    if policy.get("max_attempts"):
        assert len(found.attempts) == policy["max_attempts"]


def test_a_preset_may_be_changed_in_single_settings() -> None:
    found = previewed(a_spec(policy={"preset": "hot-leads", "max_attempts": 4}))

    assert len(found.attempts) == 4
    assert found.ended is not None
    assert found.ended.reason == "max_attempts"


def test_outcomes_are_used_up_in_order_and_then_the_other_one_repeats() -> None:
    outcomes = [{"outcome": "voicemail"}, {"outcome": "busy"}]

    found = previewed(a_spec(outcomes=outcomes, otherwise={"outcome": "answered"}))

    assert [attempt.outcome for attempt in found.attempts] == ["voicemail", "busy"] + ["answered"] * 5


@pytest.mark.parametrize(
    ("outcomes", "reason", "attempts"),
    [
        ([{"outcome": "completed"}], "reached", 1),
        ([{"outcome": "answered", "disposition": "converted"}], "converted", 1),
        ([{"outcome": "not_reached"}, {"outcome": "answered", "disposition": "dnc"}], "dnc", 2),
        ([{"outcome": "invalid_number"}], "invalid_number", 1),
        ([{"outcome": "error"}, {"outcome": "error"}], "consecutive_errors", 2),
        ([], "max_attempts", 7),
    ],
)
def test_d26_to_d32_what_ends_a_loop_ends_the_preview(
    outcomes: list[dict[str, Any]], reason: str, attempts: int
) -> None:
    found = previewed(a_spec(stop_on="reached", outcomes=outcomes))

    assert found.ended is not None
    assert (found.ended.reason, len(found.attempts)) == (reason, attempts)


def test_stop_on_converted_goes_on_after_a_conversation_and_is_the_followups_default() -> None:
    completed = a_spec(otherwise={"outcome": "completed"})

    assert len(previewed(completed).attempts) == 7
    assert len(previewed(completed | {"stop_on": "converted"}).attempts) == 7
    assert len(previewed(completed | {"stop_on": "reached"}).attempts) == 1


def test_the_limit_cuts_a_preview_that_is_not_over_and_ended_is_null() -> None:
    cut = previewed(a_spec(limit=3))

    assert len(cut.attempts) == 3
    assert cut.ended is None
    assert previewed(a_spec(limit=7)).ended is not None, "the seventh attempt was the last one anyway"


def test_a_callback_at_an_instant_comes_at_that_instant() -> None:
    at = "2026-11-25T18:30:00Z"
    asked = {"outcome": "answered", "disposition": "callback", "callback": at, "duration_s": 60}

    found = previewed(a_spec(outcomes=[asked]))

    assert found.attempts[1].kind == "callback"
    assert found.attempts[1].at == "2026-11-25T18:30:00.000Z"


def test_a_vague_callback_is_drawn_by_the_seed_inside_its_window() -> None:
    """[ours] Vague callback times: "afternoon" is 13:00 to 17:00, picked uniformly."""
    asked = {"outcome": "answered", "disposition": "callback", "callback": "tomorrow afternoon"}
    times = {local_times(previewed(a_spec(outcomes=[asked], seed=seed)))[1] for seed in range(20)}

    assert len(times) > 10
    assert all("2026-11-24 13:00" <= at < "2026-11-24 17:00" for at in times)


def test_after_three_postponed_callbacks_the_wait_for_a_person_is_told() -> None:
    """[ours] Answered but reached? Nobody answers in a preview, so the schedule goes on after that wait."""
    later = {"outcome": "answered", "disposition": "callback", "callback": "in 2 hours"}

    found = previewed(a_spec(outcomes=[later] * 3, stop_on="reached"))

    assert [attempt.kind for attempt in found.attempts[:3]] == ["first", "callback", "callback"]
    assert found.attempts[3].kind != "callback"
    assert any(line.rule == "callback" and line.effect == "blocked" for line in found.attempts[3].why)


@pytest.mark.parametrize(
    ("on_complete", "reason"),
    [
        ({"action": "idle"}, "cadence_complete"),
        ({"action": "transition", "cadence_id": "cad_nurture"}, "transitioned"),
        ({"action": "restart", "delay_s": 86_400}, None),
    ],
)
def test_c10_what_follows_the_last_run_ends_the_loop_or_begins_it_again(
    on_complete: dict[str, Any], reason: str | None
) -> None:
    cadence = {"steps": [{"delay_after_s": 3600}, {}], "runs": 2, "on_complete": on_complete}

    found = previewed(a_spec(policy={"strategy": "cadence", "cadence": cadence}, limit=6))

    assert (found.ended.reason if found.ended else None) == reason
    assert len(found.attempts) == (6 if reason is None else 4)
    assert [attempt.step for attempt in found.attempts][:4] == [1, 2, 1, 2]


def test_windows_no_call_days_and_closures_of_the_spec_hold() -> None:
    spec = a_spec(
        policy={"strategy": "intervals", "intervals_s": [86_400], "max_attempts": 4},
        windows=ALL_WEEK,
        no_call_days=[{"date": "2026-11-24", "label": "Stocktaking"}],
        closures=[
            {
                "regions": ["US-CO"],
                "starts_at": "2026-11-25T00:00:00Z",
                "ends_at": "2026-11-26T07:00:00Z",
                "reason": "snow",
            }
        ],
    )

    days = [at[:10] for at in local_times(previewed(spec))]

    assert days[0] == "2026-11-23"
    assert {"2026-11-24", "2026-11-25"}.isdisjoint(days)


def test_an_account_cap_of_the_spec_holds() -> None:
    hourly = {"strategy": "intervals", "intervals_s": [3600], "max_attempts": 3}

    capped = previewed(a_spec(policy=hourly, frequency_caps=[{"max": 1, "window_s": 86_400}]))

    assert [at[:10] for at in local_times(capped)] == ["2026-11-23", "2026-11-24", "2026-11-25"]


def test_without_rules_only_our_own_windows_hold_and_no_revision_is_named() -> None:
    night = {day: {"ranges": [{"start": "00:00", "end": "24:00"}]} for day in ALL_WEEK}
    spec = a_spec(windows=night, start_at="2026-11-23T09:00:00Z")

    with_law, without = previewed(spec), previewed(spec | {"rules": "none"})

    assert local_times(without)[0] == "2026-11-23 02:00"
    assert without.rules_revision is None
    assert local_times(with_law)[0] >= "2026-11-23 08:00"


def test_p10_live_leads_may_be_called_after_our_hours_but_never_past_the_law() -> None:
    spec = a_spec(start_at="2026-11-24T02:00:00Z", priority="live")  # Monday 19:00 in Denver

    assert local_times(previewed(spec))[0] >= "2026-11-24 09:00"
    assert local_times(previewed(spec | {"live_after_hours": True}))[0] == "2026-11-23 19:00"
    late = spec | {"live_after_hours": True, "start_at": "2026-11-24T05:00:00Z"}
    assert local_times(previewed(late))[0] >= "2026-11-24 08:00"


def test_a_toll_free_number_is_called_when_it_is_day_in_all_the_states() -> None:
    """Where its owner is nobody knows: the hours of every state must meet."""
    found = previewed(a_spec(lead={"phone": "+18005550142"}, windows=ALL_WEEK))

    hours = [attempt.at[11:16] for attempt in found.attempts]
    assert hours
    assert all("17:00" <= at < "24:00" for at in hours), "08:00 in Hawaii to 20:00 in the East"


def test_a_stated_zone_moves_our_windows_and_the_local_times() -> None:
    stated = {"phone": "+13035550142", "timezone": "america/los_angeles"}

    found = previewed(a_spec(lead=stated))

    assert found.attempts[0].at_local.endswith("-08:00")
    assert local_times(found)[0] >= "2026-11-23 09:00"


def test_a_lead_of_a_region_that_no_rule_knows_is_refused_as_it_is_everywhere() -> None:
    with pytest.raises(UsageError, match="/lead/region"):
        previewed(a_spec(lead={"phone": "+13035550142", "region": "Atlantis"}))


def test_a_lead_of_a_country_that_no_rule_knows_is_never_called() -> None:
    found = previewed(a_spec(lead={"phone": "+49 30 23125 555"}))

    assert found.attempts == []
    assert found.ended is not None
    assert found.ended.reason == "no_callable_time"


def test_the_command_prints_the_object_with_json_and_a_table_with_reasons_without(
    preview_command: Command,
) -> None:
    path = str(EXAMPLES / "five-step.json")

    as_json, as_text = preview_command(path, "--json"), preview_command(path)

    assert as_json.code == as_text.code == 0
    assert as_json.talk == as_text.talk == ""
    assert json.loads(as_json.out) == msgspec.to_builtins(previewed("five-step"))
    assert "times: America/Denver" in as_text.out
    assert as_text.out.count("statutory_window") >= 4
    assert "ended: cadence_complete" in as_text.out


def test_the_command_says_how_it_read_the_words_of_a_callback(preview_command: Command) -> None:
    done = preview_command(str(EXAMPLES / "callback.json"), "--plain")

    assert "Tue 2026-11-24 13:00 to 17:00 America/New_York, confidence 0.8" in done.talk
    assert preview_command(str(EXAMPLES / "callback.json"), "--plain", "--quiet").talk == ""


def test_the_command_reads_a_dash_as_stdin(preview_command: Command) -> None:
    done = preview_command("-", "--json", stdin=json.dumps(a_spec(limit=2)))

    assert done.code == 0
    assert len(json.loads(done.out)["attempts"]) == 2
