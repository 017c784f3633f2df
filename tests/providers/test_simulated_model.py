"""The simulated network: its fates come from the seed alone and keep to the shares of TELEPHONY section 5."""

from __future__ import annotations

from collections import Counter
from statistics import fmean, median, quantiles

import pytest

from dialer.providers.simulated_model import HOUR_FACTORS, Fate, Fortune, Model, quiet
from tests.providers.builders import EVERYBODY_ANSWERS, PHONE, phones

TUESDAY_14 = 24 + 14
PHONES = phones(40_000)


def fates(model: Model, hour: int = TUESDAY_14, number: int = 1, seed: int = 7) -> list[Fate]:
    fortune = Fortune(seed, model)
    return [fortune.fate(phone, hour, number) for phone in PHONES]


def test_the_same_seed_gives_every_number_the_same_fate():
    assert fates(Model()) == fates(Model())


@pytest.mark.parametrize(
    "changed", [{"seed": 8}, {"hour": TUESDAY_14 + 1}, {"number": 2}], ids=["seed", "hour", "attempt number"]
)
def test_a_fate_depends_on(changed: dict[str, int]):
    same = sum(a == b for a, b in zip(fates(quiet()), fates(quiet(), **changed), strict=True))
    assert same < len(PHONES) * 0.6


def test_the_shares_of_a_call_list_are_near_the_parameters():
    model = quiet(amd_right=1.0, amd_unknown=0.0)
    assert HOUR_FACTORS[TUESDAY_14] == 1.0
    counts = Counter(
        "fax" if fate.error == "fax" else "human" if fate.disposition else fate.outcome
        for fate in fates(model)
    )
    for kind, share in {
        "human": model.human,
        "voicemail": model.voicemail,
        "busy": model.busy,
        "fax": model.fax,
        "invalid_number": model.dead,
        "number_blocked": model.refused,
        "error": model.blocked,
    }.items():
        assert counts[kind] / len(PHONES) == pytest.approx(share, rel=0.25, abs=0.001), kind
    assert 0.25 < counts["not_reached"] / len(PHONES) < 0.40


def test_what_people_say_is_near_the_parameters():
    model = quiet(**EVERYBODY_ANSWERS)
    people = [fate for fate in fates(model) if fate.disposition]
    said = Counter(fate.disposition for fate in people)
    for name in ("converted", "callback", "appointment", "dnc", "wrong_number", "complaint"):
        share = getattr(model, name)
        assert said[name] / len(people) == pytest.approx(share, rel=0.2, abs=0.001), name
    assert said.most_common(1)[0][0] == "not_converted"
    assert {fate.outcome for fate in people if fate.disposition == "callback"} == {"answered"}
    assert {fate.outcome for fate in people if fate.disposition != "callback"} == {"completed"}


def test_who_says_call_me_later_means_20_minutes_to_2_days():
    later = [f.callback_s for f in fates(quiet(**EVERYBODY_ANSWERS)) if f.callback_s is not None]
    assert min(later) >= 1_200
    assert max(later) <= 2 * 86_400
    assert median(later) < 6 * 3_600 < max(later)


def test_answers_come_after_6_to_10_or_18_to_22_seconds():
    rings = [f.ring_s for f in fates(quiet(**EVERYBODY_ANSWERS)) if f.disposition]
    early = [s for s in rings if s < 14]
    assert 6 <= min(early) < max(early) <= 10
    assert {int(s) for s in rings if s >= 14} == {18, 19, 20, 21}
    assert len(early) / len(rings) == pytest.approx(0.65, abs=0.02)


def test_no_call_rings_shorter_than_15_seconds_whatever_was_asked_for():
    """47 CFR 64.1200(a)(6)."""
    fortune = Fortune(
        7, quiet(human=0.0, voicemail=0.0, busy=0.0, fax=0.0, dead=0.0, refused=0.0, blocked=0.0)
    )
    assert fortune.fate(PHONE, TUESDAY_14, 1, ring_timeout_s=5).ring_s == 15
    assert fortune.fate(PHONE, TUESDAY_14, 1, ring_timeout_s=25).ring_s == 25


def test_talk_times_and_latencies_have_the_stated_middle_and_mean():
    model = quiet(**EVERYBODY_ANSWERS)
    fortune = Fortune(7, model)
    people = [fortune.fate(phone, TUESDAY_14, 1, max_duration_s=100_000) for phone in PHONES]
    talks = [fate.talk_s for fate in people if fate.disposition]
    assert median(talks) == pytest.approx(model.talk_median_s, rel=0.05)
    assert fmean(talks) == pytest.approx(model.talk_mean_s, rel=0.15)
    latencies = [fate.latency_ms for fate in people]
    assert median(latencies) == pytest.approx(model.latency_median_ms, rel=0.05)
    assert quantiles(latencies, n=100)[98] == pytest.approx(model.latency_p99_ms, rel=0.2)


def test_a_conversation_ends_at_the_longest_duration():
    fortune = Fortune(7, quiet(**EVERYBODY_ANSWERS))
    assert max(fortune.fate(phone, TUESDAY_14, 1, max_duration_s=30).talk_s for phone in PHONES) == 30


def humans(all_fates: list[Fate]) -> int:
    return sum(fate.disposition is not None for fate in all_fates)


def test_fewer_answer_at_noon_and_more_in_the_late_afternoon():
    noon, afternoon = humans(fates(quiet(), hour=24 + 12)), humans(fates(quiet(), hour=24 + 16))
    assert noon < humans(fates(quiet())) < afternoon


def test_a_number_tried_again_in_the_same_part_of_the_day_tires():
    fortune = Fortune(7, quiet())
    by_earlier = [
        humans([fortune.fate(p, TUESDAY_14, 1, earlier_in_slot=earlier) for p in PHONES])
        for earlier in (1, 4)
    ]
    assert by_earlier[1] < by_earlier[0] * 0.7


def test_who_answered_once_is_likelier_to_answer_again():
    model = quiet(amd_right=1.0, amd_unknown=0.0)
    first, second = fates(model, number=1), fates(model, number=2)
    again = [b for a, b in zip(first, second, strict=True) if a.disposition]
    assert humans(again) / len(again) > 1.4 * humans(second) / len(second)


def test_a_dead_number_is_dead_at_every_attempt_and_never_rings():
    dead = [p for p, f in zip(PHONES, fates(quiet()), strict=True) if f.outcome == "invalid_number"]
    fortune = Fortune(7, quiet())
    assert dead
    for number in (1, 2, 9):
        for phone in dead:
            fate = fortune.fate(phone, TUESDAY_14 + number, number)
            assert (fate.outcome, fate.rings) == ("invalid_number", False)


def test_machine_detection_errs_both_ways():
    model = quiet(**{**EVERYBODY_ANSWERS, "amd_right": 0.9, "amd_unknown": 0.0})
    missed = sum(fate.outcome == "voicemail" for fate in fates(model))
    assert missed / len(PHONES) == pytest.approx(0.1, rel=0.2)
    machines = quiet(**{**EVERYBODY_ANSWERS, "human": 0.0, "voicemail": 1.0, "amd_right": 0.9})
    fooled = [fate for fate in fates(machines) if fate.disposition]
    assert {fate.disposition for fate in fooled} == {"not_converted"}
    assert len(fooled) / len(PHONES) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"human": 1.2},
        {"lost": -0.1},
        {"talk_median_s": 0.0},
        {"human": 0.9},
        {"dnc": 0.9},
        {"amd_unknown": 0.2},
        {"timeout_dialled": 0.6, "server_error": 0.6},
    ],
    ids=lambda wrong: "+".join(wrong),
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match=r"must be|add up"):
        Model(**wrong)
