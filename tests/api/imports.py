"""Files of leads and how tests send them."""

from __future__ import annotations

from typing import Any

import msgspec

from api.job_kinds import KINDS
from scheduler.services.imports import Abandoned
from scheduler.services.jobs import Jobs
from tests.api.builders import Site

CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
LINES = {**CSV, "Accept": "application/x-ndjson"}
COUNTED = ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")
FILE = b"\r\n".join(
    (
        b"Phone,First Name,Plan",
        b"+12125550101,Ana,A",
        b"hello,Bob,B",
        b"+12125550102,Cyd,C",
        b"+12125550101,Ana,A",
    )
)


async def send(site: Site, data: Any, query: str = "", headers: dict[str, str] | None = None) -> Any:
    """A file for the batch `first`."""
    path = f"/v1/imports?agent_id={site.agent}&name=first{query}"
    return await site.send("POST", path, data=data, headers=CSV if headers is None else headers)


async def work(site: Site, chunk_rows: int = 5000) -> None:
    """What waits to be done in the background."""
    settings = msgspec.structs.replace(site.deps.settings, import_batch_rows=chunk_rows)
    await Jobs(site.flow, site.clock, settings, KINDS).step(site.clock.now_ms())


async def clear(site: Site) -> None:
    """What is too old or over is put away."""
    await Abandoned(site.flow, site.clock, silence_s=600).step(site.clock.now_ms())


async def value(site: Site, sql: str, *arguments: Any) -> Any:
    return (await site.rows(sql, *arguments))[0][0]


def a_file(rows: int) -> bytes:
    """Of leads with numbers from 555-0100 in the nth of some areas."""
    areas = ("212", "305", "312", "303")
    numbers = (f"+1{areas[n // 100]}5550{100 + n % 100}" for n in range(rows))
    return b"Phone,Name\n" + b"".join(f"{phone},Lead {n}\n".encode() for n, phone in enumerate(numbers))


def without_times(shown: dict[str, Any]) -> dict[str, Any]:
    """An import but for what two of the same file may differ in."""
    own = ("id", "errors_url", "job_id", "created_at", "updated_at", "rows_per_s", "batch_id", "size")
    return {name: said for name, said in shown.items() if name not in own}
