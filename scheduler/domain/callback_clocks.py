"""Times of day as people name them: at 3, half past four, between 2 and 4, after 5pm, in the afternoon."""

from __future__ import annotations

import re

from scheduler.domain import callback_lexicon as lexicon
from scheduler.domain.callback_said import Clock, Later, Said, Unclear, Weekday, Words

NOON = Clock(720, True)
_HALF_DAY = 720
_AFTER = (
    ("any", "time", "after"), ("not", "before"), ("not", "until"), ("not", "till"), ("no", "earlier", "than"),
    ("later", "than"), ("starting", "at"), ("starting", "from"), ("after",), ("past",), ("from",),
)  # fmt: skip
_BEFORE = (
    ("any", "time", "before"), ("not", "after"), ("not", "later", "than"), ("no", "later", "than"),
    ("earlier", "than"), ("before",), ("by",), (("free", "available"), ("until", "till", "til")),
)  # fmt: skip
_ABOUT = ("about", "around", "roughly", "approximately", "approx", "circa")
_TO = ("to", "before", "of", "till", "til")
_TO_AND_FRO = ("to", "-", "until", "till", "til", "and")
_BEFORE_FOUR_DIGITS = ("at", "after", "before", "by", "between", "from", *_ABOUT)
_SPOKEN_MINUTES = frozenset({"five", "ten", "twenty", "5", "10", "20", "25"})


def read_range(words: Words, said: Said) -> bool:
    """between 2 and 4 · from 9 to 11:30 · 2-4pm"""
    start = words.at
    words.take(("any", "some"), "time")
    led = words.peek() if words.take(("between", "from", "btw")) else ""
    about = _skip_about(words)
    first = read_clock(words, bare=True)
    if first is not None:
        joint = words.peek()
        spoken = not led and joint == "to" and words.peek(-1) in _SPOKEN_MINUTES
        if words.take(_TO_AND_FRO) and (joint != "and" or led):
            second = read_clock(words, bare=True)
            if second is not None and words.peek() not in {*lexicon.UNITS, *lexicon.MONTHS}:
                if spoken:
                    raise Unclear("a range of hours, or minutes to the hour: write it like 11:50")
                said.about = said.about or about
                return said.once("after", first) and said.once("before", second)
    words.at = start
    return False


def read_bound(words: Words, said: Said) -> bool:
    """after 5pm · before noon · by 4 · from 2 onwards · after lunch · after the weekend"""
    start = words.at
    for slot, phrases in (("after", _AFTER), ("before", _BEFORE)):
        if any(words.take(*phrase) for phrase in phrases):
            led_by_from = words.peek(-1) == "from"
            if not led_by_from and _named_bound(words, said, slot):
                return True
            about = _skip_about(words)
            clock = read_clock(words, bare=True, minutes_to=True)
            if clock is not None and words.peek() not in lexicon.UNITS:
                words.take(("on", "onward", "onwards"))
                said.about = said.about or about
                return said.once(slot, clock)
            words.at = start
    return False


def read_point(words: Words, said: Said) -> bool:
    """at 3 · around half past four · 15:00 · 9:15 am · noon · 8 tonight"""
    start = words.at
    led = words.take("at")
    about = _skip_about(words)
    led = led or words.take("at") or about
    clock = read_clock(words, bare=led, minutes_to=led)
    if clock is None:
        words.at = start
        return False
    said.about = said.about or about or words.take("or", "so") or words.take("ish") or words.take("-", "ish")
    return said.once("exact", clock)


def read_part(words: Words, said: Said) -> bool:
    """in the morning · this afternoon · late afternoon · tonight · first thing · at lunch"""
    start = words.at
    if (
        words.take("end", "of", "day")
        or words.take("end", "of", "the", "day")
        or words.take("close", "of", "business")
    ):
        return said.once("part", lexicon.END_OF_DAY)
    if words.take("first", "thing"):
        words.take("in", "the", "morning")
        return said.once("shade", "early") and said.once("part", lexicon.MORNING)
    if words.take(("tonight", "tonite")):
        return said.on(Later(0)) and said.once("part", lexicon.NIGHT)
    shade = _shade(words)
    words.skip("in", "during", "over", "at", "around", "about", "by")
    words.skip("the", "my")
    today = words.take("this")
    shade = shade or _shade(words)
    words.skip("-", "in", "the")
    part = lexicon.PARTS.get(words.peek())
    if part is None:
        words.at = start
        return False
    words.at += 1
    words.take(("time", "break", "hour"))
    if today:
        said.on(Later(0))
    return (shade is None or said.once("shade", shade)) and said.once("part", part)


def read_clock(words: Words, *, bare: bool, minutes_to: bool = False) -> Clock | None:
    """A time of day. `bare`: words before it make a number alone an hour; `minutes_to`: and "ten to six" one
    time."""
    start = words.at
    clock = _noon(words) or _spoken(words, minutes_to) or _digital(words) or _hour(words, bare)
    if clock is None:
        words.at = start
    return clock


def _noon(words: Words) -> Clock | None:
    if words.take(("12", "twelve"), ("noon", "midday")) or words.take(("noon", "midday")):
        return NOON
    if words.take("midnight"):
        raise Unclear('"midnight": no time for a call, and of two days')
    return None


def _spoken(words: Words, minutes_to: bool) -> Clock | None:
    """half past 4 · quarter to six · ten past five · twenty minutes to 3"""
    start = words.at
    words.skip("a")
    if words.take("half", "past"):
        minutes: int | None = 30
    elif words.take("quarter"):
        minutes = 15 if words.take(("past", "after")) else -15 if words.take(_TO) else None
    else:
        words.at = start
        minutes = words.number()
        exact = words.take(("minutes", "minute", "mins", "min"))
        if minutes is None or not 0 < minutes < 30:
            minutes = None
        elif not words.take("past"):
            minutes = -minutes if (exact or minutes_to) and words.take("to") else None
    hour = words.number() if minutes is not None else None
    if minutes is None or hour is None or not 0 < hour <= 24:
        words.at = start
        return None
    words.take("oclock")
    return _with_meridiem(words, hour % 24, minutes, sure=hour > 12)


def _digital(words: Words) -> Clock | None:
    """9:15 · 14h30 · 2.30 pm · 1530 hours"""
    word = words.peek()
    if found := re.fullmatch(r"([0-9]{1,2})[:h.]([0-9]{2})", word):
        hour, minute = int(found[1]), int(found[2])
        if "." in word and words.peek(1) in lexicon.UNITS:
            return None
    elif re.fullmatch(r"[0-9]{4}", word) and (
        words.peek(1) in ("hours", "hrs", "h") or words.peek(-1) in _BEFORE_FOUR_DIGITS
    ):
        hour, minute = int(word[:2]), int(word[2:])
    else:
        return None
    if hour > 23 or minute > 59:
        raise Unclear("a time that no clock shows")
    words.at += 1
    words.take(("hours", "hrs", "h"))
    if word.startswith("0") and 0 < hour < 8 and words.peek() not in ("am", "pm"):
        raise Unclear("a time that may be in the night: say am or pm")
    sure = hour > 12 or hour == 0 or word.startswith("0") or word.isdigit()
    return _with_meridiem(words, hour, minute, sure=sure)


def _hour(words: Words, bare: bool) -> Clock | None:
    hour = words.number()
    if hour is None or hour > 24 or words.peek() in ("st", "nd", "rd", "th"):
        return None
    in_words = words.peek(-1).isalpha()
    minute = _spoken_minute(words)
    marked = words.take("oclock") or words.peek() in ("am", "pm", "ish") or (minute and in_words)
    if not (bare or marked or words.peek() == "tonight" or _part_follows(words)):
        return None
    return _with_meridiem(words, hour % 24, minute, sure=hour > 12 or hour == 0)


def _spoken_minute(words: Words) -> int:
    """three thirty · nine oh five · 3 30"""
    start = words.at
    words.take(("oh", "o"))
    minute = words.number()
    two_words = words.at - start == 2  # "oh five", "forty five"
    if minute is None or minute > 59 or not (minute >= 10 or two_words) or words.peek() in lexicon.UNITS:
        words.at = start
        return 0
    return minute


def _part_follows(words: Words) -> bool:
    """Whether a part of the day comes next: "7 in the morning", "7 tomorrow morning"."""
    skip = 1 if words.peek() == "tomorrow" else 0
    if words.peek(skip) == "in" and words.peek(skip + 1) == "the":
        skip += 2
    elif words.peek(skip) == "this":
        skip += 1
    return skip > 0 and words.peek(skip) in lexicon.PARTS


def _with_meridiem(words: Words, hour: int, minutes: int, *, sure: bool) -> Clock:
    """The clock `minutes` past the hour (to it, below zero), in the half of the day that am or pm names."""
    if words.peek() not in ("am", "pm"):
        minute = (hour * 60 + minutes) % (2 * _HALF_DAY)
        return Clock(minute, True) if sure else Clock(minute % _HALF_DAY, False)
    half = words.peek()
    words.at += 1
    if (hour > 12 and half == "am") or (hour == 0 and half == "pm"):
        raise Unclear(f"a 24-hour time with {half}")
    minute = (hour % 12 * 60 + (_HALF_DAY if half == "pm" else 0) + minutes) % (2 * _HALF_DAY)
    return Clock(minute, True)


def _named_bound(words: Words, said: Said, slot: str) -> bool:
    start = words.at
    words.skip("my", "the")
    if words.take(("lunch", "lunchtime")):
        part = lexicon.AFTER_LUNCH if slot == "after" else lexicon.BEFORE_LUNCH
        return said.once("part", part)
    if slot == "after" and words.take(("work", "hours")):
        return said.once("part", lexicon.AFTER_WORK)
    if slot == "after" and words.take("weekend"):
        return said.on(Weekday(0))
    words.at = start
    return False


def _skip_about(words: Words) -> bool:
    return words.take(_ABOUT)


def _shade(words: Words) -> str | None:
    shade = lexicon.SHADES.get(words.peek())
    if shade is not None:
        words.at += 1
        words.skip("in")
    return shade
