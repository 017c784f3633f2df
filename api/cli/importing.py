"""`import`: send a file, show how it goes, keep the rejected rows, end with totals that add up."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from api.cli.client import ApiClient, blocks_of, find_dialwheel
from api.cli.dialing import agent_id
from api.cli.exits import INTERRUPTED, OK, REJECTED_ROWS
from api.cli.session import Progress, Session
from scheduler.errors import DialwheelError, NotFound, ServerUnavailable, UsageError

TYPES = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}
COUNTS = ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")
HIDE_TIME_LEFT_S = 2.0


class ImportOrder(NamedTuple):
    """What the person asked for."""

    file: Path
    agent: str | None
    batch: str | None
    max_per_min: int | None
    priority: str
    consent: str | None


def import_leads(session: Session, order: ImportOrder) -> int:
    """The exit code tells whether rows were rejected; good rows are in either way."""
    with _opened(order.file) as file:
        client = find_dialwheel(session)
        query = {
            "name": order.batch or order.file.stem,
            "agent_id": agent_id(client, order.agent),
            "priority": order.priority,
            "consent": order.consent,
            "max_per_min": order.max_per_min,
        }
        began_s = time.monotonic()
        stop = threading.Event()
        with _stop_on_interrupt(session, stop):
            done = _send(session, client, query, order.file, file, stop)
        elapsed_s = time.monotonic() - began_s
    result = done
    rejected = int(result.get("rejected") or 0)
    saved = _save_rejected(client, result, order.file) if rejected else None
    _report(session, result, saved, elapsed_s, interrupted=stop.is_set())
    if result["status"] == "failed":
        raise DialwheelError(
            "the import broke off",
            f"{result.get('trouble')}; the rows before line {result.get('resume_row')} are in",
            "run the same command again: nothing is added twice",
        )
    if stop.is_set():
        return INTERRUPTED
    return REJECTED_ROWS if rejected else OK


def _send(
    session: Session,
    client: ApiClient,
    query: dict[str, Any],
    path: Path,
    file: IO[bytes],
    stop: threading.Event,
) -> dict[str, Any]:
    """The last line of the live answer."""
    size = path.stat().st_size
    sent = [0]
    progress = Progress(session)
    began_s = time.monotonic()
    content_type = TYPES.get(path.suffix.lower(), "text/csv")
    last: dict[str, Any] = {}
    try:
        for line in client.upload("/v1/imports", query, blocks_of(file, stop, sent), content_type):
            last = line
            if line.get("t") == "start":
                session.say(_reading_text(line, path, size))
            elif line.get("t") == "progress":
                progress.show(_progress_text(line, sent[0], size, time.monotonic() - began_s))
    finally:
        progress.clear()
    if last.get("t") != "done":
        raise ServerUnavailable(
            "the import did not finish",
            "dialwheel ended its answer early; what it had committed is kept",
            "run the same command again: nothing is added twice",
        )
    return last


def _reading_text(line: dict[str, Any], path: Path, size: int) -> str:
    """What was made of the file's first lines."""
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    form = names.get(line.get("delimiter") or "", line.get("format") or "")
    columns = "  ".join(f"{column}→{field}" for field, column in (line.get("columns") or {}).items())
    kept = "  ".join(f"{name}→variables" for name in line.get("variables") or [])
    return f"  Reading {path.name}   {size / 1e6:.1f} MB, {form}\n  Columns  {columns}  {kept}".rstrip()


def _progress_text(line: dict[str, Any], sent: int, size: int, elapsed_s: float) -> str:
    share = min(sent / size, 1.0) if size else 1.0
    bar = "█" * int(share * 20)
    rate = float(line.get("rows_per_s") or 0)
    text = f"  importing {bar:░<20}  {_grouped(line.get('rows', 0))} rows  {_grouped(int(rate))}/s"
    if elapsed_s > HIDE_TIME_LEFT_S and 0 < share < 1:
        text += f"  {elapsed_s / share - elapsed_s:.0f} s left"
    return f"{text}  {_grouped(line.get('rejected', 0))} bad"


def _save_rejected(client: ApiClient, result: dict[str, Any], path: Path) -> Path:
    into = Path.cwd() / f"{path.stem}.errors.csv"
    client.download(f"/v1/imports/{result['import_id']}/errors", into, accept="text/csv")
    return into


def _report(
    session: Session, result: dict[str, Any], saved: Path | None, elapsed_s: float, *, interrupted: bool
) -> None:
    counts = {name: int(result.get(name) or 0) for name in COUNTS}
    rows = int(result.get("rows") or 0)
    said = " · ".join(
        f"{_grouped(count)} {name}" for name, count in counts.items() if count or name == "created"
    )
    lines = [f"  Done in {elapsed_s:.1f} s.  {_grouped(rows)} rows: {said}"]
    if sum(counts.values()) != rows:
        lines.append(
            f"  These do not add up: {_grouped(sum(counts.values()))} of {_grouped(rows)}. Please report it."
        )
    if saved is not None:
        lines.append(
            f"  {_grouped(counts['rejected'])} bad rows saved to {saved.name} (fix and import that file)."
        )
    if interrupted:
        lines.append(
            "  Interrupted: the rest was not sent. The same command goes on, nothing is added twice."
        )
    value = {**result, "elapsed_s": round(elapsed_s, 3), "errors_file": str(saved) if saved else None,
             "interrupted": interrupted}  # fmt: skip
    session.answer(value, lines, plain=[("rows", rows), *counts.items()])


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise NotFound(f"no file {path}", f"looked in {Path.cwd()}", "check the path") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder", "import takes one file", "name a file in it") from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", error.strerror or str(error), "check its permissions"
        ) from error
    with file:
        yield file


@contextmanager
def _stop_on_interrupt(session: Session, stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C lets the server finish what it has; the second one leaves at once."""

    def interrupt(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        session.say("\n  Stopping after the rows that were sent. Once more to leave at once.")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _grouped(number: Any) -> str:
    """Thousands apart by a thin space, as the dashboard shows them."""
    return f"{int(number or 0):,}".replace(",", " ")
