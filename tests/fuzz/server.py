"""A dialwheel of its own to be fuzzed: the whole process on private servers, with waits made short."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from bench.ports import free_port

READY_WITHIN_S = 60.0
SETTINGS = {
    "permit_s": "0.05",  # changes are answered once older permits have run out: not two seconds later
    "postgres_wait_s": "0.5",
    "postgres_statement_s": "2",
    "rate_limit_per_min": "0",
    "rate_limit_address_per_min": "0",
    "log_level": "warning",
}
"""Waits that a run of thousands of requests cannot afford; what they guard is tested elsewhere."""

PASSWORD = "canary-1f7c9be2"
"""Of both servers, which take any."""


@dataclass(frozen=True)
class Fuzzed:
    """Where it answers, with which key, and the servers that it stands on."""

    url: str
    key: str
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    log: Path
    metrics_url: str
    pid: int


@contextmanager
def fuzzed_server(**settings: str) -> Iterator[Fuzzed]:
    """`settings`: in place of `SETTINGS` or of its own servers' addresses."""
    folder = Path(tempfile.mkdtemp(prefix="dwz-", dir="/tmp"))
    postgres = EmbeddedPostgres(folder / "pg" / "data").start()
    valkey = EmbeddedValkey(folder / "vk").start()
    port, metrics_port = free_port(), free_port()
    settings = {
        "data_dir": str(folder / "data"),
        "postgres_url": postgres.url.replace("@", f":{PASSWORD}@", 1),
        "redis_url": valkey.url.replace("://", f"://default:{PASSWORD}@", 1),
        "http_port": str(port),
        "metrics_port": str(metrics_port),
        **SETTINGS,
        **settings,
    }
    environment = {**os.environ, **{f"DIALWHEEL_{name.upper()}": value for name, value in settings.items()}}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "up"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, log)
        key = (folder / "data" / "key").read_text().strip()
        yield Fuzzed(url, key, postgres, valkey, log, f"http://127.0.0.1:{metrics_port}/metrics", process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()[-3000:]}")
