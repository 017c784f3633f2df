"""The words in which people ask to be called back, taken apart: which day, what time, how far ahead.

Every word must have a meaning here or be one that changes none ("call me back … please"). What is left over,
said twice or said against itself is refused with the words at fault: nothing is guessed. What the parts mean
on a calendar is told in `callback_words`.
"""

from __future__ import annotations

import re
import unicodedata

from scheduler.domain.callback_clocks import read_bound, read_part, read_point, read_range
from scheduler.domain.callback_days import read_date, read_day, read_span, read_weekday
from scheduler.domain.callback_lexicon import FILLERS, UNITS
from scheduler.domain.callback_said import Ahead, Later, NotUnderstood, Said, Unclear, Words
from scheduler.domain.time import DAY, HOUR, MINUTE, Ms

LONGEST = 200
"""Characters: nobody needs more to name a time."""

FARTHEST_DAYS = 366
"""Nobody is promised a call later than that."""

_TOKEN = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9])|[0-9]{1,2}/[0-9]{1,2}(?:/[0-9]{4})?(?![0-9/])"
    r"|[0-9]{1,2}[:h][0-9]{2}(?![0-9])|[0-9]{1,3}\.[0-9]{1,2}(?![0-9])|[0-9]+|\d|[^\W\d_]+|-"
)
_MERIDIEM = re.compile(r"(?<![^\W\d_])([ap])\.\s?m\b\.?|(?<=[0-9])\s?([ap])\s?m\b")
_DAYS = {"day": 1, "week": 7}
_NOW = (("right", ("now", "away")), ("straight", "away"), ("as", "soon", "as", "possible"),
        (("now", "asap", "immediately"),))  # fmt: skip
_PAST = ("yesterday", "ago", "last", "previous", "earlier")


def take_apart(text: str) -> Said | NotUnderstood:
    """What `text` says, or what of it is not understood. Case and punctuation change nothing."""
    if len(text) > LONGEST:
        return NotUnderstood(f"more than {LONGEST} characters")
    words, said = Words(_split(text)), Said()
    rules = (
        _read_dash, _read_past, _read_ahead, _read_phrase, read_range, read_bound, read_date, read_span,
        read_weekday, read_day, read_part, read_point, _read_filler,
    )  # fmt: skip
    try:
        while words:
            if not any(rule(words, said) for rule in rules):
                return NotUnderstood(_shown(words.peek()))
    except Unclear as unclear:
        return NotUnderstood(str(unclear))
    return said


def _split(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub(r"['`´\u2018\u2019]", "", plain)
    plain = re.sub(r"[\u2010-\u2015]", "-", plain)
    plain = _MERIDIEM.sub(lambda found: f" {found[1] or found[2]}m ", plain)
    return _TOKEN.findall(plain)


def _shown(word: str) -> str:
    return f'"{word[:30]}"' if word.isalpha() else "a number that is no time, date or wait"


def _read_dash(words: Words, _: Said) -> bool:
    return words.take("-")


def _read_past(words: Words, _: Said) -> bool:
    if words.peek() in _PAST and words.peek(1) != "than":
        raise Unclear(f'"{words.peek()}" lies in the past')
    return False


def _read_phrase(words: Words, said: Said) -> bool:
    if words.take("same", ("time", "hour")):
        said.same_time = True
    elif any(words.take(*phrase) for phrase in _NOW):
        said.now = True
    elif words.take("later", "in", "the", "day"):
        said.later = True
        said.on(Later(0))
    elif (
        words.take(("any", "some"), "time")
        or words.take("all", "day")
        or words.take(("anytime", "sometime", "whenever"))
    ):
        said.any_time = True
    else:
        return False
    return True


def _read_filler(words: Words, _: Said) -> bool:
    if words.peek() == "but" and words.peek(1) in ("after", "before", "not"):
        words.at += 1
        return True
    return any(words.take(*phrase) for phrase in FILLERS)


def _read_ahead(words: Words, said: Said) -> bool:
    """in 20 minutes · in an hour and a half · two weeks from now · in 2 to 3 hours · after half an hour"""
    start = words.at
    at_most = words.take("within") or words.take(("in", "over"), "the", "next")
    led = at_most or words.take(("in", "after"))
    words.skip("the", "next", "about", "around", "roughly", "another")
    wait = _wait(words)
    if wait is None or not (words.take("from", ("now", "today")) or words.take("later") or led):
        words.at = start
        return False
    elapsed_ms, days, slack_ms, confidence = wait
    if at_most and days:
        raise Unclear("a time within several days: name the day")
    if at_most:
        return said.once("ahead", Ahead(0, elapsed_ms, min(confidence, 0.9)))
    if days:
        said.about = said.about or confidence < 0.9
        return said.on(Later(days))
    return said.once("ahead", Ahead(elapsed_ms, slack_ms, confidence))


def _wait(words: Words) -> tuple[Ms, int, Ms, float] | None:
    """Elapsed time or days to wait, how much longer it may be, and how sure that is. Steps over the words."""
    lowest = _between(words)
    elapsed, days, confidence = 0.0, 0, 0.95
    found = False
    while True:
        start = words.at
        if found:
            words.skip("and")
        amount = _amount(words)
        if amount is None:
            words.at = start
            break
        found = True
        number, unit, sureness = amount
        confidence = min(confidence, sureness)
        if unit == "month" or (unit in _DAYS and number != int(number)):
            raise Unclear(f"a wait that has no exact end, in {unit}s")
        if unit in _DAYS:
            days += int(number) * _DAYS[unit]
        else:
            elapsed += number * (HOUR if unit == "hour" else MINUTE)
    if not found:
        return None
    if days and elapsed:
        raise Unclear("days and hours at once")
    if not days and not elapsed:
        raise Unclear("a wait of nothing")
    if days > FARTHEST_DAYS or elapsed > FARTHEST_DAYS * DAY:
        raise Unclear("a time more than a year ahead")
    elapsed_ms = int(elapsed)
    slack_ms = min(max(elapsed_ms // 10, 5 * MINUTE), 30 * MINUTE) * (1 if confidence > 0.9 else 2)
    if lowest is not None:
        unit_ms = HOUR if unit == "hour" else MINUTE
        first_ms = lowest * unit_ms
        if days or first_ms >= elapsed_ms:
            raise Unclear("a wait whose end comes before its start")
        return first_ms, 0, elapsed_ms - first_ms, 0.9
    return elapsed_ms, days, slack_ms, confidence


def _between(words: Words) -> int | None:
    """The "2 to" of "2 to 3 hours"."""
    start = words.at
    first = words.number()
    if first is not None and words.take(("to", "-", "or")):
        resume = words.at
        if _amount(words) is not None:
            words.at = resume
            return first
    words.at = start
    return None


def _amount(words: Words) -> tuple[float, str, float] | None:
    """One number, its unit and how sure it is: "an hour and a half", "half an hour", "a couple of days"."""
    start = words.at
    sureness = 0.95
    number: float | None
    if words.take("half", ("a", "an")):
        number = 0.5
    elif words.take("three", "quarters", "of", "an"):
        number = 0.75
    elif words.take("a", "quarter", "of", "an"):
        number = 0.25
    elif words.take("a", "couple", "of") or words.take(("a",), "couple") or words.take("couple"):
        number, sureness = 2, 0.8
        words.skip("of")
    elif words.take("a", "few") or words.take("few"):
        number, sureness = 3, 0.6
    elif words.take(("a", "an")):
        number = 1
    elif re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,2}", words.peek()):
        number = float(words.peek())
        words.at += 1
    else:
        number = words.number()
    if number is not None and number >= 1 and words.take("and", "a", "half"):
        number += 0.5
    unit = UNITS.get(words.peek())
    if number is None or unit is None:
        words.at = start
        return None
    words.at += 1
    if number >= 1 and words.take("and", "a", "half"):
        number += 0.5
    elif number >= 1 and words.take("and", "a", "quarter"):
        number += 0.25
    return number, unit, sureness
