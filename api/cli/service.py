"""Running a part until it is told to stop: the event loop, the signals, what is printed when it is ready."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import uvloop

from api.cli.exits import INTERRUPTED, OK
from api.cli.runfile import RunFile, process_mark, write_private
from api.cli.session import Session, styled
from scheduler.settings import Settings


class Ready(Protocol):
    """What the assembly tells when its parts are up. `key`: an API key that was made just now."""

    @property
    def url(self) -> str: ...
    @property
    def metrics_url(self) -> str: ...
    @property
    def lines(self) -> list[tuple[str, str, str]]: ...
    @property
    def key(self) -> str | None: ...


OPEN_FILES = 65_536
"""Shells give a process 1024."""

GARBAGE = 20_000
"""Objects made since the collector last looked: a few MB."""

GREEN, YELLOW = "32", "33"
Part = Callable[..., Awaitable[None]]


def serve(part: Part, settings: Settings, on_ready: Callable[[Any], None]) -> int:
    """Run `part` until SIGTERM or Ctrl-C asks it to stop; a second one stops it at once."""
    asked: list[signal.Signals] = []

    def ready(told: Any) -> None:
        spare_collector()
        on_ready(told)

    async def main() -> None:
        stop = asyncio.Event()
        task = asyncio.current_task()
        assert task is not None

        def ask(number: signal.Signals) -> None:
            asked.append(number)
            if len(asked) == 1:
                stop.set()
            else:
                task.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ask, number)
        await part(settings, on_ready=ready, stop=stop)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except asyncio.CancelledError:
        if not asked:
            raise
    finally:
        # what follows is the orderly end of private servers: a third signal must not cut it short
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return INTERRUPTED if signal.SIGINT in asked else OK


def spare_collector() -> None:
    """What has been made by now stays until the end: the collector need not look at it again, 40 ms each time
    that a few thousand loops were planned. What is made from now on seldom holds circles: it is looked at
    after `GARBAGE` new objects instead of Python's 700, which took a sixth of a dialer's time an attempt."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)


def set_process_limits() -> None:
    """Of this process and those it starts: a crash writes no file of its memory, which holds keys and phones;
    and as many files may be open as connections need."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if resource.RLIM_INFINITY != soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def interrupt_on_sigterm() -> None:
    """Until the event loop takes over, SIGTERM ends the start in good order, as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def run_of(
    ready: Ready, lines: list[tuple[str, str, str]], servers: dict[str, str], began_s: float
) -> RunFile:
    """This process as the run file describes it. `began_s`: monotonic."""
    return RunFile(
        pid=os.getpid(),
        started_mark=process_mark(os.getpid()) or "",
        url=ready.url,
        metrics_url=ready.metrics_url,
        started_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        ready_s=round(time.monotonic() - began_s, 1),
        lines=[*lines, *ready.lines],
        servers=servers,
    )


def save_key(data: Path, key: str | None) -> None:
    if key:
        write_private(data / "key", key.encode("ascii") + b"\n")


def show_ready(session: Session, run: RunFile, data: Path) -> None:
    """The table of parts and what to do next. Only what is true of this run."""
    key_file = data / "key"
    width = max((len(name) for name, _, _ in run.lines), default=0)
    table = []
    for name, state, detail in run.lines:
        shown = styled(f"{state:<7}", GREEN if state == "ready" else YELLOW)
        table.append(f"  {name:<{width}}  {shown}  {detail}".rstrip())
    saved = [f"  API key  saved in {key_file} (mode 600)"] if key_file.exists() else []
    lines = [*table, "", f"  API      {run.url}", *saved,
             f"  Ready in {run.ready_s:.1f} s. Stop with: dialwheel down"]  # fmt: skip
    value = {
        "url": run.url,
        "metrics_url": run.metrics_url,
        "pid": run.pid,
        "ready_s": run.ready_s,
        "key_file": str(key_file) if saved else None,
        "data_dir": str(data),
        "parts": [{"name": name, "state": state, "detail": detail} for name, state, detail in run.lines],
    }
    session.answer(msgspec.to_builtins(value), lines, plain=run.lines)
