"""Days as people name them: tomorrow, next Tuesday, Dec 3rd, the end of the month."""

from __future__ import annotations

import re

from scheduler.domain.callback_lexicon import MONTHS, ORDINALS, UNITS, WEEKDAYS
from scheduler.domain.callback_said import Later, OnDate, Said, Span, Unclear, Weekday, Words

_TOMORROW = ("tomorrow", "tomorrows", "tmrw", "tmr", "tomorow", "tommorow", "tommorrow")
_EDGES = {
    "end": "end", "late": "end", "later": "end", "beginning": "start", "start": "start", "early": "start",
    "middle": "middle", "mid": "middle",
}  # fmt: skip
_LONE_EDGES = {"eow": Span("week", 0, "end"), "eom": Span("month", 0, "end")}


def read_day(words: Words, said: Said) -> bool:
    """today · tomorrow · the day after tomorrow"""
    start = words.at
    words.skip("the")
    if words.take("day", "after", "tomorrow"):
        return said.on(Later(2))
    if words.take(_TOMORROW) or words.take(("next", "following"), "day"):
        return said.on(Later(1))
    if words.take("later", ("today", "on")):
        said.later = True
        return said.on(Later(0))
    if words.take(("today", "todays")):
        return said.on(Later(0))
    words.at = start
    return False


def read_weekday(words: Words, said: Said) -> bool:
    """Friday · this Friday · next Tuesday · Tuesday next week"""
    start = words.at
    words.skip("on", "the")
    which = ""
    if words.take("this", ("coming", "upcoming")) or words.take(("coming", "upcoming")):
        which = "coming"
    elif words.take("this"):
        which = "this"
    elif words.take("next"):
        which = "next"
    elif words.take("following"):
        which = "following"
    index = WEEKDAYS.get(words.peek())
    if index is None:
        words.at = start
        return False
    words.at += 1
    if not which and words.take("this", "week"):
        which = "this"
    elif not which and words.take(("next", "following"), "week"):
        which = "following"
    return said.on(Weekday(index, which))


def read_date(words: Words, said: Said) -> bool:
    """Dec 3rd · 3 December 2026 · the 3rd of December · the 3rd · 2026-12-03 · 12/25"""
    start = words.at
    words.skip("on", "the")
    for form in (_in_digits, _month_first, _day_first):
        day = form(words)
        if day is not None:
            return said.on(day)
    words.at = start
    return False


def read_span(words: Words, said: Said) -> bool:
    """next week · the weekend · early next week · the end of the month"""
    start = words.at
    lone = _LONE_EDGES.get(words.peek())
    if lone is not None:
        words.at += 1
        return said.once("span", lone)
    words.skip("at", "in", "by", "on", "over", "during", "for", "the")
    edge = _EDGES.get(words.peek())
    if edge is not None:
        words.at += 1
        words.skip("of", "in", "the")
    named, ahead = False, 0
    if words.take(("this", "coming", "current")):
        named = True
    elif words.take(("next", "following")):
        named, ahead = True, 1
    unit = words.peek()
    if unit not in ("week", "weekend", "month") or not (named or edge or unit == "weekend"):
        words.at = start
        return False
    words.at += 1
    if unit == "week" and words.take("after", "next"):
        ahead = 2
    return said.once("span", Span(unit, ahead, edge or "whole"))


def _in_digits(words: Words) -> OnDate | None:
    word = words.peek()
    if re.fullmatch(r"[0-9]{4}-[0-9]+-[0-9]+", word):
        words.at += 1
        year, month, day = (int(part) for part in word.split("-"))
        return OnDate(day, month, year)
    if "/" not in word:
        return None
    words.at += 1
    first, second, *rest = (int(part) for part in word.split("/"))
    if first != second and first <= 12 and second <= 12:
        raise Unclear("a date in which day and month may be swapped: name the month")
    month, day = (first, second) if first <= 12 else (second, first)
    return OnDate(day, month, rest[0] if rest else None)


def _month_first(words: Words) -> OnDate | None:
    month = MONTHS.get(words.peek())
    if month is None:
        return None
    start = words.at
    words.at += 1
    words.skip("the")
    day, _ = _day_of_month(words)
    if day is None:
        words.at = start
        return None
    return OnDate(day, month, _year(words))


def _day_first(words: Words) -> OnDate | None:
    start = words.at
    day, ordinal = _day_of_month(words)
    if day is None:
        return None
    after_day = words.at
    words.skip("of")
    month = MONTHS.get(words.peek())
    if month is not None:
        words.at += 1
        return OnDate(day, month, _year(words))
    words.at = after_day if ordinal else start
    return OnDate(day) if ordinal else None


def _day_of_month(words: Words) -> tuple[int | None, bool]:
    """The day, and whether it was said as an ordinal."""
    start = words.at
    day = ORDINALS.get(words.peek())
    tens = {"twenty": 20, "thirty": 30}.get(words.peek(), 0)
    if day is not None:
        words.at += 1
    elif tens:
        dash = 1 if words.peek(1) == "-" else 0
        ones = ORDINALS.get(words.peek(1 + dash), 10)
        day = tens + ones if ones < 10 else None
        words.at += 2 + dash if day else 0
    else:
        day = words.digits(2)
        return day, day is not None and words.take(("st", "nd", "rd", "th"))
    if words.peek() in {"thing", "half", *UNITS, *WEEKDAYS}:  # the second Monday, the first week
        words.at = start
        return None, False
    return day, day is not None


def _year(words: Words) -> int | None:
    word = words.peek()
    if word.startswith("20") and len(word) == 4 and word.isdigit():
        words.at += 1
        return int(word)
    return None
