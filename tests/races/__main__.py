"""Races by the thousand: dials against opt-outs, pauses, settings, cancels and the end of the hours.

    python -m tests.races --kind opt-out --races 20000 --json tests/races/results/opt-out.json
    python -m tests.races                            every kind, a few hundred races each

Progress goes to standard error, one JSON object for each kind to standard output or, as a list, to --json.
It exits with 1 when a call arrived that was forbidden, or when nothing ever overlapped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from bench.machine import machine
from scheduler.ledger.database import Database
from scheduler.logs import set_up_logs
from tests.builders import TUESDAY_2PM, empty
from tests.races.kinds import KINDS, RACERS
from tests.races.stage import PERMIT_S, a_stage
from tests.races.verdict import race

A_FEW = 320


def main() -> int:
    options = _options()
    set_up_logs("error", "json")
    results = []
    with tempfile.TemporaryDirectory(prefix="dwr-") as folder:
        valkey = EmbeddedValkey(Path(folder) / "vk").start()
        postgres = EmbeddedPostgres(Path(folder) / "pg" / "data").start()
        try:
            for kind in options.kind or KINDS:
                results.append(asyncio.run(_run(kind, options, postgres.url, valkey.url)))
                _say(results[-1])
        finally:
            postgres.stop()
            valkey.stop()
    text = msgspec.json.format(msgspec.json.encode(results[0] if len(results) == 1 else results)).decode()
    if options.json == "-":
        print(text)
    else:
        Path(options.json).write_text(text + "\n")
    return 1 if any(each["violations"] or not each["overlapped"] for each in results) else 0


async def _run(kind: str, options: argparse.Namespace, postgres_url: str, redis_url: str) -> dict[str, Any]:
    name = "races_" + kind.replace("-", "_")
    base = await Database.connect(postgres_url, max_connections=1)
    async with base.connection() as on:
        await on.execute(f"CREATE DATABASE {name}")
    await base.close()
    await empty(redis_url)
    ledger_url = postgres_url.replace("/dialwheel?", f"/{name}?")
    began_s = time.monotonic()
    async with a_stage(
        ledger_url, redis_url, start_ms=TUESDAY_2PM, seed=options.seed, sites=RACERS, stalls=options.stalls
    ) as stage:
        verdict = await race(stage, KINDS[kind](stage), options.races)
    elapsed_s = round(time.monotonic() - began_s, 1)
    told = {"kind": kind, "seed": options.seed, "permit_s": PERMIT_S, "stalls": options.stalls}
    return {**told, **msgspec.to_builtins(verdict), "elapsed_s": elapsed_s, **machine()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.races",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="may be given more than once")
    parser.add_argument("--races", type=int, default=A_FEW)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--stalls", type=float, default=0.05, help="share of requests that take about as long as a permit"
    )
    parser.add_argument("--json", default="-", help="a file for the results; - for standard output")
    return parser.parse_args()


def _say(result: dict[str, Any]) -> None:
    print(
        f"{result['kind']:10} {result['races']:6} races  {len(result['violations'])} violations "
        f" {result['overlapped']:6} overlapped  {result['held']:5} held back  ack p99"
        f" {result['ack_ms'].get('p99', 0):g} ms  {result['elapsed_s']:g} s",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
