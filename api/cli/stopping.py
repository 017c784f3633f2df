"""`down`: stop what `up` started, say where the data is, erase it only when asked and confirmed."""

from __future__ import annotations

import os
import signal
import time

from api.cli.exits import OK
from api.cli.runfile import RunFile, process_mark, read_run, remove_run
from api.cli.session import Session
from scheduler.errors import Refused, StartError

STOP_S = 60.0


def stop(session: Session, *, erase: bool) -> int:
    """Stop the run in the data directory, and servers that a killed run left behind."""
    from api.embedded import EmbeddedStack

    data = session.settings.data_path
    if (
        erase
        and data.exists()
        and not session.ask(f"Erase everything in {data}? Type {data.name}:", data.name)
    ):
        raise Refused(
            "state-conflict", "nothing was erased", "the name was not typed", "dialwheel down keeps the data"
        )
    run = read_run(data)
    if run is not None:
        _end(run)
        session.say(f"  Stopped process {run.pid}.")
    leftovers = EmbeddedStack(data).stop_leftovers()
    for name in leftovers:
        session.say(f"  Stopped {name}, left behind by a run that was killed.")
    if run is None and not leftovers:
        session.say("  Nothing was running.")
    kept = data.exists() and not erase
    if erase:
        EmbeddedStack(data).erase()
    else:
        remove_run(data)
    if kept:
        said = f"  The data is kept in {data}"
    else:
        said = f"  Erased {data}" if erase else f"  There is no data in {data}"
    session.answer(
        {
            "stopped": [*([run.pid] if run else []), *leftovers],
            "erased": erase,
            "data_dir": str(data) if kept else None,
        },
        [said],
    )
    return OK


def _end(run: RunFile) -> None:
    os.kill(run.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while process_mark(run.pid) == run.started_mark:
        if time.monotonic() > deadline:
            raise StartError(
                f"process {run.pid} did not stop within {STOP_S:.0f} s",
                "it may wait for calls under way",
                f"wait, or end it with: kill -KILL {run.pid} && dialwheel down",
            )
        time.sleep(0.05)
