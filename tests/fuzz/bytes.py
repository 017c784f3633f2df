"""`python -m tests.fuzz.bytes`: bytes made up by a fuzzer that follows which lines they reach (atheris).

What it found interesting is kept in .tools/corpus and begun with the next time; bytes that broke a reader are
in .tools/corpus as well, and their name is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from bench.peers.envs import ROOT, TOOLS, NotInstalled, python_with

CORPUS = TOOLS.parent / "corpus"
NAMES = ("csv", "ndjson", "gzip", "phone", "ids", "signature", "report")
LONGEST = 4096


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.bytes")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return _fuzz(options.only, options.seconds, options.seed)
    try:
        python = python_with("bytes", groups=ROOT / "pyproject.toml")
    except NotInstalled as error:
        print(f"not installed: {error}", file=sys.stderr)
        return 1
    return max(
        _run(python, name, options.seconds, options.seed) for name in NAMES if options.only in (None, name)
    )


def _run(python: Path, name: str, seconds: int, seed: int) -> int:
    """In an environment with the fuzzer, which borrows everything else from this one."""
    command = [str(python), "-m", "tests.fuzz.bytes", "--inside", "--only", name]
    done = subprocess.run(
        [*command, "--seconds", str(seconds), "--seed", str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    print(f"{name:<10} {int(runs[1]) if runs else 0:>10,} tries  {'broken' if done.returncode else 'sound'}")
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n")
    return int(done.returncode != 0)


def _fuzz(name: str, seconds: int, seed: int) -> int:
    import atheris  # only where it is installed

    with atheris.instrument_imports(include=["api", "scheduler", "dialer"]):
        from tests.fuzz.readers import READERS
    read, seeds = READERS[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(one)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-seed={seed}", "-rss_limit_mb=1024"]
    atheris.Setup(
        [sys.argv[0], str(corpus), f"-artifact_prefix={corpus}/broken-", "-print_final_stats=1", *limits],
        read,
    )
    atheris.Fuzz()  # ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
