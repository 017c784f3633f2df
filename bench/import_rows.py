"""`python -m bench import`: a made-up file of a million leads, checked, planned, written, every layer real.

Its numbers have the exchange 555 of every area code of the states, four free digits each, since the fictional
range 555-0100 to 555-0199 alone has too few for a million. Nobody is called: there is no dialer in this run.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from api.imports.pipeline import run_import
from api.imports.workers import ImportWorkers
from api.parts import open_stores
from bench.fiction import area_codes
from bench.site import private_site
from scheduler.clock import ScaledClock
from scheduler.domain.time import Ms
from scheduler.ledger.accounts import create_account, create_agent

MONDAY_NOON_MS: Ms = 1_795_453_200_000
"""Monday 23 November 2026, 12:00 in New York: open nearly everywhere, so that most rows are placed too."""

CHUNK = 1 << 16
HEADER = "First Name,Last Name,Phone,Email,Time Zone,Lead Source,Created,Product Interest\n"
ZONES = ("", "", "", "America/New_York", "", "America/Chicago", "", "")


async def run(rows: int, *, workers: int = 1, bad_per_100: int = 1) -> dict[str, Any]:
    """One import in a temporary folder. `bad_per_100`: rows of a hundred whose number is too short. Memory is
    in MiB: at the start, at most, and at the end, of this process and of the workers together."""
    with private_site(import_workers=workers) as site:
        settings = site.settings
        clock = ScaledClock(MONDAY_NOON_MS, 1.0)
        async with open_stores(settings, clock, apply_migrations=True) as stores:
            now_ms = clock.now_ms()
            account_id = await create_account(stores.database, name="bench", now_ms=now_ms)
            agent_id = await create_agent(
                stores.database,
                account_id=account_id,
                name="bench",
                auto_dialer={"enabled": True, "strategy": "followup"},
                now_ms=now_ms,
            )
            memory = _Memory()

            async def report(line: dict[str, Any]) -> None:
                if line["t"] != "error":
                    memory.look()

            crew = ImportWorkers(workers)
            cpu_s = time.process_time()
            try:
                totals = await run_import(
                    stores.flow,
                    account_id=account_id,
                    agent_id=agent_id,
                    batch="bench",
                    chunks=a_file(rows, bad_per_100),
                    clock=clock,
                    settings=settings,
                    report=report,
                    consent="bench",
                    workers=crew,
                )
                memory.look()
            finally:
                crew.close()
            return {
                "bench": "import",
                "rows": totals.rows,
                "seconds": totals.elapsed_s,
                "rows_per_s": totals.rows_per_s,
                "workers": workers,
                "cpu_s_of_this_process": round(time.process_time() - cpu_s, 1),
                "megabytes": round(totals.bytes / 1e6, 1),
                "rss_mib": memory.figures(),
                "totals": msgspec.structs.asdict(totals),
            }


async def a_file(rows: int, bad_per_100: int) -> AsyncIterator[bytes]:
    """The file, made while it is read."""
    areas = area_codes()
    parts, size = [HEADER], 0
    for n in range(rows):
        area, line = areas[n % len(areas)], n // len(areas)
        phone = f"({area}) 555-{line:04d}" if n % 100 >= bad_per_100 else f"{area}-555-{line % 1000:03d}"
        parts.append(
            f"Robin,Sample{n},{phone},robin.sample{n}@example.com,{ZONES[n % 8]},web_form,"
            f"2026-07-09T07:27:16.093179,solar\n"
        )
        size += len(parts[-1])
        if size >= CHUNK:
            yield "".join(parts).encode()
            parts, size = [], 0
    yield "".join(parts).encode()


class _Memory:
    """Resident memory of this process and of its workers, looked at while the import goes on."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {"api": [], "workers": []}

    def look(self) -> None:
        self._seen["api"].append(_rss_mib("self"))
        workers = [_rss_mib(str(child.pid)) for child in multiprocessing.active_children()]
        if workers:
            self._seen["workers"].append(sum(workers))

    def figures(self) -> dict[str, dict[str, int]]:
        return {
            name: {"start": round(seen[0]), "peak": round(max(seen)), "end": round(seen[-1])}
            for name, seen in self._seen.items()
            if seen
        }


def _rss_mib(pid: str) -> float:
    for line in Path("/proc", pid, "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
