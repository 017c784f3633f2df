"""`preview`: the attempts that one lead would get, in the time of the place where it is, and why then."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from api.cli.exits import OK
from api.cli.leads import Wall
from api.cli.session import Session
from api.preview.runner import Attempt, Played, play
from api.preview.spec import read_spec
from api.schemas import WhyLine
from scheduler.errors import NotFound, UsageError

LARGEST = 1 << 20
"""Bytes of a spec; as much as the API takes in one body."""


def preview_spec(session: Session, file: str) -> int:
    """Needs no server."""
    played = play(read_spec(_read(file)))
    preview = played.preview
    rows = [(each.n, each.at, each.at_local, each.kind, each.step, each.outcome) for each in preview.attempts]
    for reading in played.readings:
        session.say(reading)
    session.answer(preview, _lines(played), plain=rows)
    return OK


def _read(file: str) -> bytes:
    path = Path(file)
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with path.open("rb") as opened:
                raw = opened.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFound(
            f"no file {file}", f"looked in {Path.cwd()}", "check the path, or write - for stdin"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read", error.strerror or str(error), "name a readable file"
        ) from error
    if len(raw) > LARGEST:
        raise UsageError(f"{file} is larger than {LARGEST} bytes", "no spec is", "name a spec")
    if not raw.strip():
        raise UsageError(f"{file} is empty", "preview reads a spec in JSON", "see docs/preview.md")
    return raw


def _lines(played: Played) -> Iterator[str]:
    """Each attempt with its reasons beneath it, then how it ends."""
    preview = played.preview
    wall = Wall(played.zone, played.zone, 0)
    ruled = f"calling rules {preview.rules_revision}" if preview.rules_revision else "no calling rules"
    yield f"  times: {played.zone}   {ruled}"
    yield f"  {'n':>3}  {'local time':<17}  {'kind':<18}  {'step':>4}  {'channel':<14}  outcome"
    for attempt in preview.attempts:
        yield _row(attempt, wall)
        for why in attempt.why:
            yield _reason(why, wall)
    if preview.ended is not None:
        yield f"  ended: {preview.ended.reason}   {wall.show(preview.ended.at)}"
    elif played.waits:
        yield "  waits for a person"
    else:
        yield f"  goes on: {len(preview.attempts)} attempts were asked for"
    for why in played.last_why:
        yield _reason(why, wall)


def _row(attempt: Attempt, wall: Wall) -> str:
    shown = wall.show(attempt.at)
    return (
        f"  {attempt.n:>3}  {shown:<17}  {attempt.kind:<18}  {attempt.step:>4}  {attempt.channel:<14}  "
        f"{attempt.outcome}"
    )


def _reason(why: WhyLine, wall: Wall) -> str:
    at = wall.show(why.to_at or why.from_at)
    cited = f"  [{why.ref}]" if why.ref else ""
    return f"       {at:<17}  {why.effect:<7}  {why.rule}: {why.detail}{cited}"
