"""When a person of a spec asked to be called: an instant, or words that are read where the lead is."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

import msgspec

from api.instants import sensible
from api.preview.spec import Course, Instant, OutcomeSpec, wrong
from scheduler.domain.callback_grammar import take_apart
from scheduler.domain.callback_words import NotUnderstood, pick, read_callback
from scheduler.domain.time import Ms
from scheduler.errors import UsageError
from scheduler.ledger.instants import to_ms

_WRITTEN = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]")


class Asked(NamedTuple):
    """The instant, and how words were read (empty for a written one)."""

    at_ms: Ms
    reading: str = ""


def check_callbacks(course: Course) -> None:
    """Raises UsageError for a callback that could not be understood at any time."""
    outcomes = [(f"/outcomes/{number}", said) for number, said in enumerate(course.outcomes)]
    for pointer, said in (*outcomes, ("/otherwise", course.otherwise)):
        if said.callback is None:
            continue
        if said.disposition != "callback":
            at = f"{pointer}/callback"
            raise wrong(at, "a callback that nobody asked for", 'add disposition: "callback"')
        if _written(said.callback, pointer) is None:
            words = take_apart(said.callback)
            if isinstance(words, NotUnderstood):
                raise _not_understood(pointer, words)


def asked(said: OutcomeSpec, pointer: str, zone: str, now_ms: Ms, fraction: float) -> Asked | None:
    """What was asked for at `now_ms`, None when nothing was: of a window the instant at `fraction`.

    Raises UsageError for words that cannot be meant at this time, as "this morning" in the evening.
    """
    if said.callback is None:
        return None
    written_ms = _written(said.callback, pointer)
    if written_ms is not None:
        return Asked(written_ms)
    window = read_callback(said.callback, zone, now_ms)
    if isinstance(window, NotUnderstood):
        raise _not_understood(pointer, window)
    reading = f"{pointer}/callback read as {window.read}, confidence {window.confidence}"
    return Asked(pick(window, zone, fraction), reading)


def _written(text: str, pointer: str) -> Ms | None:
    if not _WRITTEN.match(text):
        return None
    try:
        found: datetime = msgspec.convert(text.strip(), Instant)
    except msgspec.ValidationError:
        at = f"{pointer}/callback"
        raise wrong(at, "not an instant", "write it like 2026-11-24T15:00:00Z, or in words") from None
    if not sensible(found):
        raise wrong(
            f"{pointer}/callback", "not an instant that anybody means", "write a year from 2000 to 2199"
        )
    return to_ms(found)


def _not_understood(pointer: str, words: NotUnderstood) -> UsageError:
    do = "say a day and a time, as in: tomorrow at 3 pm"
    return wrong(f"{pointer}/callback", f"not understood: {words.what}", do)
