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
from api.cli.import_words import COUNTS, Meter, reading_text, result_lines
from api.cli.session import Progress, Session
from scheduler.errors import DialwheelError, NotFound, ServerUnavailable, UsageError

TYPES = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}


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
    progress = Progress(session)
    meter = Meter(_rows_in(file), time.monotonic())
    content_type = TYPES.get(path.suffix.lower(), "text/csv")
    last: dict[str, Any] = {}
    try:
        for line in client.upload("/v1/imports", query, blocks_of(file, stop), content_type):
            last = line
            if line.get("t") == "start":
                session.say(reading_text(line, path))
            elif line.get("t") == "progress":
                progress.show(meter.text(line["rows"], line["rejected"], time.monotonic()))
    finally:
        progress.clear()
    if last.get("t") != "done":
        raise ServerUnavailable(
            "the import did not finish",
            "dialwheel ended its answer early; what it had committed is kept",
            "run the same command again: nothing is added twice",
        )
    return last


def _rows_in(file: IO[bytes]) -> int:
    """Lines of the file less its header; 0 for a pipe, which can be read only once."""
    if not file.seekable():
        return 0
    lines = 0
    while block := file.read(1 << 20):
        lines += block.count(b"\n")
    file.seek(0)
    return lines - 1


def _save_rejected(client: ApiClient, result: dict[str, Any], path: Path) -> Path:
    into = Path.cwd() / f"{path.stem}.errors.csv"
    client.download(f"/v1/imports/{result['import_id']}/errors", into, accept="text/csv")
    return into


def _report(
    session: Session, result: dict[str, Any], saved: Path | None, elapsed_s: float, *, interrupted: bool
) -> None:
    value = {
        **result,
        "elapsed_s": round(elapsed_s, 3),
        "errors_file": str(saved) if saved else None,
        "interrupted": interrupted,
    }
    lines = result_lines(result, saved, elapsed_s, interrupted=interrupted)
    session.answer(value, lines, plain=[(name, result[name]) for name in ("rows", *COUNTS)])


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
