"""The words of time in which a callback may be asked for, as data: English, with the usual short forms."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.domain.model import Range


def _table(start: int, *names: str) -> dict[str, int]:
    """Numbers from `start`, each under all the words of one text."""
    return {word: number for number, words in enumerate(names, start) for word in words.split()}


WEEKDAYS = _table(
    0, "monday mon", "tuesday tue tues", "wednesday wed weds", "thursday thu thur thurs", "friday fri",
    "saturday sat", "sunday sun",
)  # fmt: skip

MONTHS = _table(
    1, "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
    "september sept sep", "october oct", "november nov", "december dec",
)  # fmt: skip

NUMBERS = _table(
    0, "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
) | {"thirty": 30, "forty": 40, "fifty": 50}  # fmt: skip

ORDINALS = _table(
    1, "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth", "twentieth",
) | {"thirtieth": 30}  # fmt: skip

UNITS = {
    word: unit
    for unit, words in {
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs h",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
    }.items()
    for word in words.split()
}


class PartOfDay(NamedTuple):
    """`hours`: when a call is meant. `reach`: times that may be said to be in it, "5:30 in the evening"."""

    name: str
    hours: Range
    reach: Range


def _part(name: str, start: float, end: float, reach_from: float, reach_to: float) -> PartOfDay:
    return PartOfDay(
        name,
        Range(int(start * 60), int(end * 60)),
        Range(int(reach_from * 60), int(reach_to * 60)),
    )


MORNING = _part("morning", 8, 12, 0, 12)
AFTERNOON = _part("afternoon", 13, 17, 12, 18)
EVENING = _part("evening", 17, 21, 16, 24)
NIGHT = _part("night", 18, 21, 17, 24)
LUNCH = _part("lunch", 12, 13, 11, 14)
BEFORE_LUNCH = _part("before lunch", 8, 12, 0, 12)
AFTER_LUNCH = _part("after lunch", 13, 17, 12, 18)
AFTER_WORK = _part("after work", 17, 21, 16, 24)
END_OF_DAY = _part("end of the day", 16, 18, 15, 20)

PARTS = {
    "morning": MORNING,
    "forenoon": MORNING,
    "afternoon": AFTERNOON,
    "evening": EVENING,
    "eve": EVENING,
    "night": NIGHT,
    "lunch": LUNCH,
    "lunchtime": LUNCH,
    "eod": END_OF_DAY,
    "cob": END_OF_DAY,
}

SHADES = {"early": "early", "mid": "mid", "middle": "mid", "late": "late"}

FILLERS: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.strip().split())
    for phrase in """
    call me back|call back|call me|a call|give me a call|give me|call|called|ring me|ring
    phone me|try me|try|speak|talk|lets talk|we can talk|again|back|me|please|pls|thanks|thank you|yes
    yeah|sure|ok|okay|hi|hello
    i am|im|i will be|ill be|i can|id like to|id prefer|i would prefer|i would like to|i|like to be|be
    free|available|reachable|can you|could you|would you|will you|you can|you may|you could
    that works|works|would be|is good|is|good|best|great|fine|better|how about|what about|lets say|lets do|say
    maybe|perhaps|probably|for me|just|and|then|at|on|the|sharp|exactly|local time|my time|sometime in
    """.replace("\n", "|").split("|")
    if phrase.strip()
)
"""Words that change no time, the longest of a kind first. What denies, excludes or chooses ("not", "except",
"or") is none of them."""
