"""`python -m bench path | import | live | lateness | planner | recalculate | http | wheel | peers | demo`:
JSON on stdout, talk on stderr.

`python -m bench readme` prints the README's table of the committed results.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from bench.machine import machine
from scheduler.logs import set_up_logs


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.bench is None:
        from bench.readme import figures

        print(figures())
        return 0
    set_up_logs("error", "text")
    result = {**arguments.bench(arguments), "machine": machine(), "command": _command()}
    text = msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"
    sys.stdout.write(text)
    if arguments.save:
        Path(arguments.save).write_text(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks of dialwheel.")
    parser.add_argument("--save", metavar="FILE", help="also write the result there")
    kinds = parser.add_subparsers(
        required=True, metavar="path|import|live|lateness|planner|recalculate|http|wheel|peers|demo|readme"
    )

    path = kinds.add_parser("path", help="attempts per second from waiting to settled")
    path.add_argument("--leads", type=int, default=100_000)
    path.add_argument("--claim-batch", type=int, default=100)
    path.add_argument("--lines", type=int, default=2, help="claims in flight")
    path.add_argument("--profile", action="store_true", help="say where the time goes; slows the run")
    path.set_defaults(bench=_path)

    rows = kinds.add_parser("import", help="rows per second of a CSV file, checked, zoned, planned")
    rows.add_argument("--rows", type=int, default=1_000_000)
    rows.set_defaults(bench=_import)

    live = kinds.add_parser("live", help="from the answer to a live lead's POST to its dial")
    live.add_argument("--backlog", type=int, default=100_000, help="bulk leads that wait")
    live.add_argument("--live", type=int, default=1000, help="live leads that are posted")
    live.add_argument("--per-s", type=float, default=50, help="posts a second")
    live.add_argument("--bulk-per-s", type=float, default=200, help="pace of bulk; 0: as fast as it goes")
    live.set_defaults(bench=_live)

    late = kinds.add_parser("lateness", help="from due to claimed and to dial, at a steady rate")
    late.add_argument("--waiting", type=int, default=100_000, help="others on the wheel, due later")
    late.add_argument("--per-s", type=float, default=200, help="attempts that come due a second")
    late.add_argument("--seconds", type=float, default=20)
    _add_output(late)
    late.set_defaults(bench=_lateness)

    planner = kinds.add_parser("planner", help="microseconds a plan, seconds for a million loops")
    planner.add_argument("--leads", type=int, default=100_000)
    planner.add_argument("--loops", type=int, default=1_000_000)
    planner.set_defaults(bench=_planner)

    changed = kinds.add_parser("recalculate", help="a change of settings over all loops that wait")
    changed.add_argument("--loops", type=int, default=1_000_000)
    changed.add_argument("--called", action="store_true", help="in the middle of their follow-up")
    _add_output(changed)
    changed.set_defaults(bench=_recalculate)

    http = kinds.add_parser("http", help="the HTTP API under load from Locust, endpoint by endpoint")
    http.add_argument("--leads", type=int, default=1_000_000, help="in the account before")
    http.add_argument("--seconds", type=int, default=20, help="each kind of request")
    http.add_argument("--only", default="", metavar="WORD", help="kinds with this word in their name")
    _add_output(http)
    http.set_defaults(bench=_http)

    wheel = kinds.add_parser("wheel", help="the wheel alone: rates, memory, evenness, lateness, rebuild")
    wheel.add_argument("--runs", type=int, default=3)
    wheel.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    _add_output(wheel)
    wheel.set_defaults(bench=_wheel)

    demo = kinds.add_parser("demo", help="the demo to its end, with the referee's verdict")
    demo.add_argument("--leads", type=int, default=10_000)
    demo.set_defaults(bench=_demo)

    peers = kinds.add_parser("peers", help="other schedulers and the wheel on the same servers")
    peers.add_argument("--only", default="", metavar="NAMES", help="these peers, separated by commas")
    peers.add_argument("--runs", type=int, default=3)
    peers.add_argument("--quick", action="store_true", help="tiny, to see that it works")
    peers.add_argument("--no-install", action="store_true", help="skip peers that are not installed yet")
    _add_output(peers)
    peers.set_defaults(bench=_peers)

    readme = kinds.add_parser("readme", help="the README's table of the committed results")
    readme.set_defaults(bench=None)
    return parser


def _path(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.path import run

    return run(
        arguments.leads,
        claim_batch=arguments.claim_batch,
        lines=arguments.lines,
        profile=arguments.profile,
    )


def _import(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.import_rows import run

    return asyncio.run(run(arguments.rows))


def _live(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.live import run

    return run(
        backlog=arguments.backlog,
        live=arguments.live,
        live_per_s=arguments.per_s,
        bulk_per_s=arguments.bulk_per_s or None,
    )


def _lateness(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.lateness import run

    return run(waiting=arguments.waiting, per_s=arguments.per_s, seconds=arguments.seconds)


def _planner(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.planner import run

    return run(arguments.leads, arguments.loops)


def _recalculate(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.recalculate import run

    return run(arguments.loops, called=arguments.called)


def _http(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.http import run

    return run(arguments.leads, seconds=arguments.seconds, only=arguments.only)


def _wheel(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.wheel import run

    return run(arguments.runs, quick=arguments.quick)


def _demo(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.demo import run

    return run(arguments.leads)


def _peers(arguments: argparse.Namespace) -> dict[str, Any]:
    from bench.peers.run import run

    return run(
        [name for name in arguments.only.split(",") if name],
        runs=arguments.runs,
        quick=arguments.quick,
        install=not arguments.no_install,
    )


def _add_output(kind: argparse.ArgumentParser) -> None:
    """Where the result goes, said after the benchmark's name; stdout gets it in any case."""
    kind.add_argument("--json", choices=["-"], help="the result on stdout, as always")
    kind.add_argument("--save", metavar="FILE", default=argparse.SUPPRESS, help="also write it there")


def _command() -> str:
    """As it was typed, but for where the result went."""
    words = sys.argv[1:]
    if "--save" in words:
        at = words.index("--save")
        del words[at : at + 2]
    return "python -m bench " + " ".join(words)


if __name__ == "__main__":
    raise SystemExit(main())
