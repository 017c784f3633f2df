"""schemathesis with every check on against a running server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

from tests.fuzz.server import Fuzzed

CONFIG = Path(__file__).parent / "schemathesis.toml"
ROOT = Path(__file__).parents[2]
SLOWEST_S = 15.0
"""The longest that an answer may take, with a store away; settings bound each wait."""

UNSEEN = ("positive_data_acceptance", "negative_data_rejection", "ignored_auth", "missing_required_header")

Away = Literal["postgres", "redis"]


class Found(msgspec.Struct, frozen=True):
    """What a run says: `failures` as schemathesis writes them down."""

    failures: int
    text: str


def fuzz(
    server: Fuzzed, *, examples: int, seed: int, away: Away | None = None, only: str | None = None
) -> Found:
    """Send `examples` generated requests to each operation. `away`: a store that is killed before;
    `only`: paths, as a regular expression."""
    document = server.log.parent / "openapi.json"
    with urllib.request.urlopen(f"{server.url}/openapi.json") as reply:
        document.write_bytes(reply.read())
    checks = ["--checks", "all"]
    if away is not None:
        _kill(server, away)
        # with a store away all are answered alike: what is said of this request or that cannot be seen
        checks += ["--exclude-checks", ",".join(UNSEEN)]
    done = subprocess.run(
        [
            *[sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color", "run"],
            *[str(document), "--url", server.url, "-H", f"Authorization: Bearer {server.key}", *checks],
            *["--max-examples", str(examples), "--seed", str(seed), "--workers", "2"],
            *["--exclude-path", "/v1/events/stream"],  # it has no end
            *(["--include-path-regex", only] if only else []),
            *["--max-response-time", str(SLOWEST_S), "--request-timeout", "30"],
            *["--continue-on-failure", "--warnings", "off"],
            *["--phases", "coverage,fuzzing,stateful" if away is None else "fuzzing"],
        ],
        cwd=server.log.parent,
        env={
            **os.environ,
            "NO_COLOR": "1",
            "SCHEMATHESIS_HOOKS": "tests.fuzz.lines",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    failures = Counter(line[2:7] for line in done.stdout.splitlines() if line.startswith("- ST"))
    count = sum(failures.values()) or int(done.returncode != 0)
    return Found(count, done.stdout[-20_000:] + done.stderr[-2_000:])


def _kill(server: Fuzzed, away: Away) -> None:
    pid = server.postgres.pid if away == "postgres" else server.valkey.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
