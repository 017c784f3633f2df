"""When a person wants to be called back, from their own words: "next Tuesday at 3", "in 20 minutes".

The answer is a window with a confidence, never a single guess, or what was not understood. Words are read on
the clock of the place where the person is: the business day from 8 to 19 decides between 3 and 15 o'clock; a
day without a time means the same time of that day for "tomorrow", any hour of the business day elsewhere; a
time without a day is the next one to come. Pure: the same words, zone and instant give the same answer.
"""

from __future__ import annotations

import msgspec

from scheduler.domain.callback_calendar import Stretch, days_meant
from scheduler.domain.callback_grammar import take_apart
from scheduler.domain.callback_hours import DAYTIME, LATEST_MIN, Hours, hours_meant
from scheduler.domain.callback_said import NotUnderstood, Said, Unclear
from scheduler.domain.localtime import (
    WEEKDAYS,
    date_text,
    day_of,
    minute_of,
    minute_text,
    opening_and_closing,
    weekday_of,
)
from scheduler.domain.time import MINUTE, Ms

__all__ = ["NotUnderstood", "Window", "pick", "read_callback"]

PROMPT: Ms = 5 * MINUTE
"""A time that was named is kept within this."""

LOOSE: Ms = 30 * MINUTE
"""The same time of another day is kept within this."""


class Window(msgspec.Struct, frozen=True):
    """Call in [start_ms, end_ms). `confidence` in (0, 1]: below 0.7, confirm before promising.
    `read`: how the words were read, to be said back."""

    start_ms: Ms
    end_ms: Ms
    confidence: float
    read: str


def read_callback(text: str, zone: str, now_ms: Ms) -> Window | NotUnderstood:
    """The window that `text`, said at `now_ms` by somebody in `zone`, asks for. It never begins before now.

    Raises for a zone that does not exist, and for nothing else.
    """
    said = take_apart(text)
    if isinstance(said, NotUnderstood):
        return said
    try:
        start_ms, end_ms, confidence = _meant(said, zone, now_ms)
    except Unclear as unclear:
        return NotUnderstood(str(unclear))
    return Window(start_ms, end_ms, round(confidence, 2), _told(zone, start_ms, end_ms))


def pick(window: Window, zone: str, fraction: float) -> Ms:
    """The instant at `fraction`, in [0, 1), of the window; where it spans days, of its business days only."""
    first, last = day_of(zone, window.start_ms), day_of(zone, window.end_ms - 1)
    parts = [(window.start_ms, window.end_ms)]
    if first != last:
        hours = (
            opening_and_closing(zone, day, *msgspec.structs.astuple(DAYTIME))
            for day in range(first, last + 1)
        )
        cut = ((max(opens, window.start_ms), min(closes, window.end_ms)) for opens, closes in hours)
        parts = [(opens, closes) for opens, closes in cut if opens < closes] or parts
    into_ms = int(fraction * sum(closes - opens for opens, closes in parts))
    for opens, closes in parts:
        if into_ms < closes - opens:
            return opens + into_ms
        into_ms -= closes - opens
    return window.start_ms


def _meant(said: Said, zone: str, now_ms: Ms) -> tuple[Ms, Ms, float]:
    timed = said.exact or said.after or said.before or said.part or said.same_time
    dated = said.days or said.span
    if said.ahead is not None or said.now:
        if timed or dated or said.any_time or (said.now and said.ahead):
            raise Unclear("a wait and a time at once")
        if said.ahead is None:
            return now_ms, now_ms + PROMPT, 0.9
        start_ms = now_ms + said.ahead.ms
        return start_ms, start_ms + said.ahead.slack_ms, said.ahead.confidence
    if not timed and not dated:
        raise Unclear("no time in these words")
    stretch = days_meant(said, zone, now_ms)
    if stretch is None:
        return _next_to_come(said, zone, now_ms)
    if stretch.first != stretch.last:
        if timed:
            raise Unclear("a time on one of several days: name the day")
        hours = Hours(DAYTIME.start_min, DAYTIME.end_min, stretch.confidence)
        return _span(zone, stretch, hours, now_ms)
    return _on_day(said, zone, stretch, now_ms)


def _next_to_come(said: Said, zone: str, now_ms: Ms) -> tuple[Ms, Ms, float]:
    """A time without a day: today if it is still to come, else tomorrow, which is less sure."""
    if said.same_time:
        raise Unclear("the same time, but no day")
    today = day_of(zone, now_ms)
    morning_has_begun = (
        said.part is not None
        and said.part.name == "morning"
        and minute_of(zone, now_ms) >= said.part.hours.start_min
    )
    for day, share in ((today, 1.0), (today + 1, 0.85)):
        if day == today and morning_has_begun:
            continue
        try:
            return _on_day(said, zone, Stretch(day, day, share, False), now_ms)
        except _Past:
            continue
    raise Unclear("a time that has passed")


def _on_day(said: Said, zone: str, stretch: Stretch, now_ms: Ms) -> tuple[Ms, Ms, float]:
    if not (said.exact or said.after or said.before or said.part):
        if said.same_time or (
            stretch.relative and not said.any_time and stretch.first > day_of(zone, now_ms)
        ):
            return _same_time(zone, stretch, now_ms)
        return _any_time(said, zone, stretch, now_ms)
    if said.same_time:
        raise Unclear("the same time and another one")
    return _span(zone, stretch, hours_meant(said), now_ms)


def _same_time(zone: str, stretch: Stretch, now_ms: Ms) -> tuple[Ms, Ms, float]:
    start_ms = _instant(zone, stretch.first, minute_of(zone, now_ms)) + now_ms % MINUTE
    if start_ms <= now_ms:
        raise _Past("the same time of this day")
    return start_ms, start_ms + LOOSE, 0.7 * stretch.confidence


def _any_time(said: Said, zone: str, stretch: Stretch, now_ms: Ms) -> tuple[Ms, Ms, float]:
    """Any hour of the business day; of the rest of today, its evening too."""
    end_min = DAYTIME.end_min
    if stretch.first == day_of(zone, now_ms):
        if minute_of(zone, now_ms) >= end_min:
            end_min = LATEST_MIN
        if said.later:
            now_ms += 30 * MINUTE
            now_ms -= now_ms % MINUTE
    return _span(zone, stretch, Hours(DAYTIME.start_min, end_min, 0.65), now_ms)


def _span(zone: str, stretch: Stretch, hours: Hours, now_ms: Ms) -> tuple[Ms, Ms, float]:
    start_ms = _instant(zone, stretch.first, hours.start_min)
    end_ms = _instant(zone, stretch.last, hours.end_min)
    if hours.point:
        end_ms = max(end_ms, start_ms + PROMPT)
    elif end_ms <= start_ms:
        raise Unclear("a time that the clock change leaves out")
    if end_ms <= now_ms or (hours.point and start_ms < now_ms):
        raise _Past("a time that has passed")
    confidence = hours.confidence * (stretch.confidence if stretch.first == stretch.last else 1.0)
    return max(start_ms, now_ms), end_ms, confidence


class _Past(Unclear):
    """What was asked for has passed."""


def _instant(zone: str, day: int, minute: int) -> Ms:
    """When the local clock first reads `minute` of `day`; a skipped time is the instant of the jump."""
    day, minute = day + minute // (24 * 60), minute % (24 * 60)
    return opening_and_closing(zone, day, minute, minute + 1)[0]


def _told(zone: str, start_ms: Ms, end_ms: Ms) -> str:
    first, last = day_of(zone, start_ms), day_of(zone, end_ms)
    end = minute_text(minute_of(zone, end_ms))
    if first != last:
        end = f"{_day_text(last)} {end}"
    return f"{_day_text(first)} {minute_text(minute_of(zone, start_ms))} to {end} {zone}"


def _day_text(day: int) -> str:
    return f"{WEEKDAYS[weekday_of(day)]} {date_text(day)}"
