"""What a person said about when to be called, as values, and the reading hand that goes over the words."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from scheduler.domain.callback_lexicon import NUMBERS, PartOfDay
from scheduler.domain.time import Ms


class NotUnderstood(msgspec.Struct, frozen=True):
    """`what` was not understood, to be told to whoever asked. Never holds a number that was said."""

    what: str


class Clock(msgspec.Struct, frozen=True):
    """A time of day in minutes, as said. Not `sure`: of either half of the day, `minute` in the first."""

    minute: int
    sure: bool


class Ahead(msgspec.Struct, frozen=True):
    """After `ms` of elapsed time, or up to `slack_ms` later."""

    ms: Ms
    slack_ms: Ms
    confidence: float


class Later(msgspec.Struct, frozen=True):
    """A day by its distance from today."""

    days: int


class Weekday(msgspec.Struct, frozen=True):
    """`index` from Monday 0. `which`: "" and "coming" are the next to come; "this" and "following" name the
    week; "next" is what people mean in two ways."""

    index: int
    which: str = ""


class OnDate(msgspec.Struct, frozen=True):
    """A date: without a month or a year, the next one to come."""

    day: int
    month: int | None = None
    year: int | None = None


class Span(msgspec.Struct, frozen=True):
    """Several days: `unit` week, weekend or month, `ahead` of this one; `part` whole, start, middle, end."""

    unit: str
    ahead: int
    part: str = "whole"


Day: TypeAlias = Later | Weekday | OnDate


class Said(msgspec.Struct):
    """All that was said. `after` and `before` are bounds, both together a range; `exact` is one time."""

    days: list[Day] = []
    span: Span | None = None
    ahead: Ahead | None = None
    exact: Clock | None = None
    after: Clock | None = None
    before: Clock | None = None
    part: PartOfDay | None = None
    shade: str | None = None
    about: bool = False
    same_time: bool = False
    any_time: bool = False
    later: bool = False
    now: bool = False

    def once(self, slot: str, value: object) -> bool:
        """Set what was not said before. Raises Unclear where something else was."""
        if getattr(self, slot) not in (None, value):
            raise Unclear(f"two different {_NAMES.get(slot, 'times of day')}")
        setattr(self, slot, value)
        return True

    def on(self, day: Day) -> bool:
        if day not in self.days:
            self.days.append(day)
        return True


_NAMES = {"part": "parts of the day", "ahead": "waits", "span": "stretches of days", "exact": "times"}


class Unclear(Exception):
    """What was said cannot be taken: the words become NotUnderstood. Leaves this grammar never."""


class Words:
    """The words and the place that was reached."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self.at = 0

    def __bool__(self) -> bool:
        """Whether any are left."""
        return self.at < len(self._words)

    def peek(self, offset: int = 0) -> str:
        at = self.at + offset
        return self._words[at] if 0 <= at < len(self._words) else ""

    def take(self, *wanted: str | tuple[str, ...]) -> bool:
        """Step over these words, each one word or a choice of words, if all of them come next."""
        for offset, word in enumerate(wanted):
            if self.peek(offset) not in ((word,) if isinstance(word, str) else word):
                return False
        self.at += len(wanted)
        return True

    def skip(self, *words: str) -> None:
        while self and self.peek() in words:
            self.at += 1

    def digits(self, at_most: int) -> int | None:
        """A whole number written in digits, stepped over."""
        word = self.peek()
        if not word.isdecimal() or len(word) > at_most:
            return None
        self.at += 1
        return int(word)

    def number(self) -> int | None:
        """A whole number in digits, or in words up to fifty-nine, stepped over."""
        value = NUMBERS.get(self.peek())
        if value is None:
            return self.digits(5)
        self.at += 1
        dash = 1 if self.peek() == "-" else 0
        ones = NUMBERS.get(self.peek(dash), 0)
        if value in (20, 30, 40, 50) and 0 < ones < 10:
            self.at += dash + 1
            return value + ones
        return value
