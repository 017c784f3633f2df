"""`up`: private servers where no real ones are named, then all parts, in front or in the background."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from api.cli.ports import choose_ports
from api.cli.runfile import read_run, remove_run, write_run
from api.cli.service import (
    Ready,
    interrupt_on_sigterm,
    run_of,
    save_key,
    serve,
    set_process_limits,
    show_ready,
)
from api.cli.session import Session
from scheduler.errors import DialwheelError, Refused, StartError

START_S = 120.0
"""Longer than both servers' own limits together."""


def foreground(session: Session) -> int:
    """Run until SIGTERM or Ctrl-C."""
    began_s = time.monotonic()
    from api.assembly import run_up
    from api.embedded import EmbeddedStack
    from api.embedded.keeper import kept_alive
    from scheduler.logs import set_up_logs

    data = session.settings.data_path
    _refuse_second(data)
    set_up_logs(session.settings.log_level, session.settings.log_format)
    settings = choose_ports(session, session.settings, "http_port", "metrics_port")
    interrupt_on_sigterm()
    set_process_limits()
    private = EmbeddedStack(data, postgres=not settings.postgres_url, valkey=not settings.redis_url)
    with private:
        remove_run(data)
        servers: dict[str, str] = {}
        if private.postgres is not None:
            servers["postgres"] = private.postgres.url
        if private.valkey is not None:
            servers["redis"] = private.valkey.url
        lines = [(name, "ready", f"private, under {data}") for name in servers]
        settings = msgspec.structs.replace(
            settings,
            postgres_url=servers.get("postgres", settings.postgres_url),
            redis_url=servers.get("redis", settings.redis_url),
            ledger_disk=settings.ledger_disk or (str(data) if private.postgres is not None else ""),
        )

        def on_ready(ready: Ready) -> None:
            save_key(data, ready.key)
            run = run_of(ready, lines, servers, began_s)
            write_run(data, run)
            show_ready(session, run, data)

        try:
            with kept_alive(postgres=private.postgres, valkey=private.valkey):
                code = serve(run_up, settings, on_ready)
        finally:
            remove_run(data)
    session.say(f"  Stopped. The data is kept in {data}")
    return code


def detached(session: Session) -> int:
    """Start `up` as a process of its own, wait until it is ready, and print what it would have printed."""
    began_s = time.monotonic()
    data = session.settings.data_path
    _refuse_second(data)
    log_path = data / "up.log"
    child = _spawn(data, log_path)
    deadline = time.monotonic() + START_S
    while (run := read_run(data)) is None or run.pid != child.pid:
        if child.poll() is not None:
            raise _child_error(log_path)
        if time.monotonic() > deadline:
            child.terminate()
            raise StartError(
                f"not ready after {START_S:.0f} s",
                f"its log: {log_path}",
                "see the log, then: dialwheel doctor",
            )
        time.sleep(0.05)
    run.ready_s = round(time.monotonic() - began_s, 1)
    show_ready(session, run, data)
    return 0


def _refuse_second(data: Path) -> None:
    run = read_run(data)
    if run is not None:
        raise Refused(
            "state-conflict",
            f"dialwheel already runs at {run.url}",
            f"process {run.pid} uses {data}",
            "stop it with: dialwheel down, or choose another folder with --data-dir",
        )


def _spawn(data: Path, log_path: Path) -> subprocess.Popen[bytes]:
    """The child, in a session of its own; its talk and its log go to `log_path`, anew at each start."""
    from api.embedded.stack import make_data_dir

    make_data_dir(data)
    with open(log_path, "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "api.cli", "up", "--data-dir", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "NO_COLOR": "1"},
        )


def _child_error(log_path: Path) -> DialwheelError:
    """The child's own three lines, read back from its log."""
    told = {"error": "dialwheel did not start", "why": "", "do": f"see {log_path}"}
    for line in log_path.read_text(errors="replace").splitlines():
        name, colon, text = line.partition(":")
        if colon and name in told:
            told[name] = text.strip()
    return StartError(told["error"], told["why"], told["do"])
