"""The language of conditions (MISSION C16)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.conditions import BadCondition, holds, parse

FACTS = {
    "score": "12",
    "age": 30.0,
    "plan": "pro",
    "vip": True,
    "empty": "",
    "tags": ("vip", "west"),
    "outcome": "busy",
    "disposition": None,
    "attempts": 3.0,
    "lead.outcome": "mine",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("   ", True),
        ("vip", True),
        ("not vip", False),
        ("empty", False),
        ("gone", False),
        ("gone == null", True),
        ("disposition == null", True),
        ("gone != 3", True),
        ("score >= 10", True),
        ("score > 12", False),
        ("10 < score", True),
        ("score == 12.0", True),
        ("age < 30", False),
        ("age <= 30", True),
        ('plan == "pro"', True),
        ("plan == 'PRO'", False),
        ('plan in ["free", "pro"]', True),
        ("attempts in [1, 3]", True),
        ('tags has "vip"', True),
        ('tags has "east"', False),
        ('plan has "ro"', True),
        ('tags == "vip"', False),
        ('outcome == "busy" and attempts < 5', True),
        ('lead.outcome == "mine"', True),
        ("vip == true", True),
        ("vip == 1", False),
        ("gone < 5", False),
        ("gone >= 5", False),
        ("plan < 5", False),
        ("gone <= null", False),
        ("vip or gone and gone", True),  # and binds closer
        ("(vip or gone) and gone", False),
        ("not gone and not empty", True),
        ("NOT gone AND vip", True),
        ("not (vip and gone)", True),
        ("age == -30", False),
    ],
)
def test_c16_conditions_mean_what_they_say(text: str, expected: bool):
    assert holds(text, FACTS) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("score >", "the end"),
        ("(vip", "the end"),
        ("vip)", ") at character 4"),
        ("vip plan", "plan at character 5"),
        ("score >= and", "and at character 10"),
        ("plan in []", "] at character 10"),
        ("plan in pro", "pro at character 9"),
        ("a = 3", "nothing readable at character 2"),
        ('plan == "pro', "nothing readable at character 8"),
        ("__import__('os')", "( at character 11"),
        ("3x > 1", "nothing readable at character 1"),
        ("(" * 30 + "vip" + ")" * 30, "nested"),
        ("not " * 300 + "vip", "1000 characters"),
        ("not " * 30 + "vip", "nested"),
    ],
)
def test_c16_what_cannot_be_read_is_told_with_its_place(text: str, told: str):
    with pytest.raises(BadCondition) as caught:
        parse(text)

    assert told in caught.value.what
    assert caught.value.do


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["a", "and", "or", "not", "(", ")", "==", "3", "'x'", "in", "[", "]", "has", ","]),
        max_size=12,
    ).map(" ".join)
)
def test_any_text_is_a_condition_or_is_refused(text: str):
    try:
        condition = parse(text)
    except BadCondition:
        return
    assert condition(FACTS) in (True, False)
    assert condition({}) in (True, False)
